import Formats
import Foundation
import Pipeline

/// Where two checkpoints part, file by file.
struct CheckpointDifference {
  struct File {
    let name: String
    var lines: [String]
    var json: JSONObject
  }

  private(set) var files: [File] = []

  /// - Parameters:
  ///   - stored: The checkpoint's folder and what its files really are.
  ///   - found: The same of the rerun's.
  /// - Throws: `badInput`, `io`; `interrupted`.
  init(
    stored: (folder: String, files: [Manifest.File]), found: (folder: String, files: [Manifest.File])
  ) throws {
    let names = Set(stored.files.map(\.name)).union(found.files.map(\.name))
    // What people look for first: the weights.
    func rank(_ name: String) -> Int {
      [CheckpointWriter.weightsName, AdapterConfiguration.weightsName].contains(name)
        ? 0 : name.hasSuffix(".safetensors") ? 1 : 2
    }
    for name in names.sorted(by: { (rank($0), $0) < (rank($1), $1) }) {
      if Interrupt.requested { throw RerunCommandLine.interrupted }
      guard let a = stored.files.first(where: { $0.name == name }) else {
        files.append(
          File(name: name, lines: ["only the rerun has it"], json: ["name": .string(name), "only": "rerun"]))
        continue
      }
      guard let b = found.files.first(where: { $0.name == name }) else {
        files.append(
          File(
            name: name, lines: ["only the stored checkpoint has it"], json: ["name": .string(name), "only": "stored"]))
        continue
      }
      guard a.digest != b.digest else { continue }
      files.append(try Self.file(name, "\(stored.folder)/\(name)", "\(found.folder)/\(name)"))
    }
  }

  private static func file(_ name: String, _ stored: String, _ found: String) throws -> File {
    if name.hasSuffix(".safetensors") {
      let difference = try TensorDifference(stored: Safetensors(path: stored), found: Safetensors(path: found))
      return File(name: name, lines: difference.lines, json: difference.json(name))
    }
    if name.hasSuffix(".json"), let a = try? JSON.parse(contentsOf: stored), let b = try? JSON.parse(contentsOf: found),
      let place = parting(a, b)
    {
      let (there, here) = (
        try place.stored.map { try $0.serialized() } ?? "none", try place.found.map { try $0.serialized() } ?? "none"
      )
      return File(
        name: name, lines: ["first: \(place.path): stored \(there), rerun \(here)"],
        json: ["name": .string(name), "place": .string(place.path), "stored": .string(there), "rerun": .string(here)])
    }
    let (a, b) = (try MappedFile.contents(of: stored), try MappedFile.contents(of: found))
    let byte = zip(a, b).enumerated().first { $0.element.0 != $0.element.1 }?.offset ?? min(a.count, b.count)
    return File(name: name, lines: ["first: byte \(byte)"], json: ["name": .string(name), "byte": .int(byte)])
  }

  /// The first place where two JSON values part.
  private static func parting(_ a: JSON, _ b: JSON) -> (path: String, stored: JSON?, found: JSON?)? {
    var (path, x, y): (String, JSON?, JSON?) = ("", a, b)
    guard a != b else { return nil }
    while let p = x?.object, let q = y?.object,
      let key = (p.members.map(\.key) + q.members.map(\.key)).first(where: { p[$0] != q[$0] })
    {
      (path, x, y) = (path.isEmpty ? key : "\(path).\(key)", p[key], q[key])
    }
    return (path.isEmpty ? "the whole" : path, x, y)
  }
}

/// Where two files of tensors part: the first number, and how many differ by how much.
struct TensorDifference {
  /// The first tensor with a difference: its name, the index in it, both numbers.
  private(set) var first: (tensor: String, index: [Int], stored: String, found: String)?
  private(set) var tensors = 0
  private(set) var numbers = 0
  /// The largest difference and the tensor that has it.
  private(set) var largest: (value: Double, tensor: String)?
  /// What has no counterpart, or another shape or type.
  private(set) var others: [String] = []
  private let total: (tensors: Int, numbers: Int)

  init(stored: Safetensors, found: Safetensors) throws {
    total = (stored.tensors.count, stored.tensors.reduce(0) { $0 + $1.elementCount })
    for tensor in stored.tensors {
      if Interrupt.requested { throw RerunCommandLine.interrupted }
      guard let other = found.info(tensor.name) else {
        others.append("\(tensor.name): only the stored file has it")
        continue
      }
      guard other.shape == tensor.shape, other.type == tensor.type else {
        others.append("\(tensor.name): stored \(tensor.type) \(tensor.shape), rerun \(other.type) \(other.shape)")
        continue
      }
      guard let a = stored.bytes(of: tensor.name), let b = found.bytes(of: tensor.name), let p = a.baseAddress,
        let q = b.baseAddress, memcmp(p, q, a.count) != 0
      else { continue }
      tensors += 1
      try add(tensor, a, b, stored, found)
    }
    for tensor in found.tensors where stored.info(tensor.name) == nil {
      others.append("\(tensor.name): only the rerun has it")
    }
  }

  private mutating func add(
    _ tensor: TensorInfo, _ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer, _ stored: Safetensors,
    _ found: Safetensors
  ) throws {
    // Elements differ where their bytes do; the numbers are for people.
    let width = max(1, a.count / max(1, tensor.elementCount))
    let values = tensor.type.isReadable ? (try stored.read(tensor.name), try found.read(tensor.name)) : nil
    for element in 0..<tensor.elementCount {
      let range = element * width..<(element + 1) * width
      let isSame =
        width == 4
        ? a.loadUnaligned(fromByteOffset: range.lowerBound, as: UInt32.self)
          == b.loadUnaligned(fromByteOffset: range.lowerBound, as: UInt32.self)
        : a[range].elementsEqual(b[range])
      if isSame { continue }
      numbers += 1
      if let values {
        let distance = abs(Double(values.0[element]) - Double(values.1[element]))
        if distance > largest?.value ?? 0 { largest = (distance, tensor.name) }
      }
      if first == nil {
        func text(_ values: [Float]?, _ bytes: UnsafeRawBufferPointer) -> String {
          values.map { "\($0[element])" } ?? "0x" + Digest.hex(Array(bytes[range]))
        }
        first = (tensor.name, Self.index(element, tensor.shape), text(values?.0, a), text(values?.1, b))
      }
    }
  }

  /// Row-major.
  private static func index(_ element: Int, _ shape: [Int]) -> [Int] {
    var rest = element
    return Array(
      shape.reversed().map { size in
        defer { rest /= max(1, size) }
        return rest % max(1, size)
      }.reversed())
  }

  var lines: [String] {
    var lines: [String] = []
    if let first {
      let index = first.index.map(String.init).joined(separator: ", ")
      lines.append("first: \(first.tensor)[\(index)]: stored \(first.stored), rerun \(first.found)")
      let most = largest.map { ", by at most \($0.value) (\($0.tensor))" } ?? ""
      lines.append("\(numbers) of \(total.numbers) numbers differ, in \(tensors) of \(total.tensors) tensors\(most)")
    } else if others.isEmpty {
      lines.append("the tensors are the same, the file's header is not")
    }
    return lines + others
  }

  func json(_ name: String) -> JSONObject {
    var object: JSONObject = [
      "name": .string(name), "numbers": .int(numbers), "of_numbers": .int(total.numbers), "tensors": .int(tensors),
      "of_tensors": .int(total.tensors), "largest": JSON.finite(largest?.value),
      "others": .array(others.map { .string($0) }),
    ]
    if let first {
      object["tensor"] = .string(first.tensor)
      object["index"] = .array(first.index.map { .int($0) })
      object["stored"] = .string(first.stored)
      object["rerun"] = .string(first.found)
    }
    return object
  }
}
