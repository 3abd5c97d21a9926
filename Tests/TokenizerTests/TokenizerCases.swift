import Formats
import Foundation
import TestSupport
import Testing
import Tokenizer

/// A folder of Golden/tokenizer: a tokenizer and what it must give.
struct TokenizerFolder: CustomTestStringConvertible, Sendable {
  let name: String

  var path: String { "\(Golden.folder)/tokenizer/\(name)" }
  var testDescription: String { name }

  static let all: [TokenizerFolder] = folders("tokenizer", with: "tokenizer.json").map(TokenizerFolder.init)

  func has(_ file: String) -> Bool { FileManager.default.fileExists(atPath: "\(path)/\(file)") }

  func rows(_ file: String) throws -> [JSON] { try jsonLines("\(path)/\(file)") }

  func tokenizer() throws -> Tokenizer { try Tokenizer.load(folder: path) }
}

/// The names of the folders in a part of Golden that hold a file, in order.
func folders(_ part: String, with file: String) -> [String] {
  let root = "\(Golden.folder)/\(part)"
  let names = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
  return names.filter { FileManager.default.fileExists(atPath: "\(root)/\($0)/\(file)") }.sorted()
}

/// The lines of a JSONL file.
func jsonLines(_ path: String) throws -> [JSON] {
  let file = try MappedFile(path: path)
  return try withExtendedLifetime(file) {
    try file.bytes.split(separator: UInt8(ascii: "\n")).enumerated().map { number, line in
      try JSON.parse(UnsafeRawBufferPointer(rebasing: line), source: path, firstLine: number + 1)
    }
  }
}

/// Text as bytes: `==` of strings takes canonically equivalent texts for one.
func bytes(_ text: String?) -> [UInt8]? { text.map { Array($0.utf8) } }

extension JSON {
  var ids: [Int32]? { array?.compactMap { $0.int.map(Int32.init) } }
}

/// A GGUF file of a real model, where there is one: it is too large to keep here.
enum RealModel {
  static let path: String? = {
    let environment = ProcessInfo.processInfo.environment
    let cache = environment["XDG_CACHE_HOME"] ?? "\(environment["HOME"] ?? "")/.cache"
    let candidates = [environment["ROLLBOOK_SMOLLM2"], "\(cache)/rollbook/SmolLM2-135M-Instruct.Q4_1.gguf"]
    return candidates.compactMap { $0 }.first { FileManager.default.fileExists(atPath: $0) }
  }()

  /// What a skipped test says.
  static let comment = "needs SmolLM2-135M-Instruct.Q4_1.gguf: set ROLLBOOK_SMOLLM2 to its path"
}
