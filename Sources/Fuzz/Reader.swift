import Formats
import Tokenizer

/// The readers that are fed with damaged files. Each input must give values or a `RollbookError`.
package enum Reader: String, CaseIterable, Sendable {
  case shard, manifest, safetensors, gguf, prompt, template

  /// Reads a file in every way there is.
  ///
  /// - Throws: `RollbookError` when every way is refused, which is fine; any error that is no refusal.
  package func read(_ path: String) throws {
    var refused: (any Error)?
    var isRead = false
    for way in ways {
      do {
        try way(path)
        isRead = true
      } catch let error as RollbookError where error.code == .badInput || error.code == .missing {
        refused = refused ?? error
      }
    }
    if let refused, !isRead { throw refused }
  }

  private var ways: [(String) throws -> Void] {
    switch self {
    case .shard: [readRollouts, { _ = try ScoreShardReader(path: $0).rows() }, readUpdates, salvage]
    // Behind the checksum, which finds nearly every input first, is a parser that has to stand on its own.
    case .manifest: [{ _ = try Manifest.read($0) }, { _ = try Manifest(json: JSON.parse(contentsOf: $0), source: $0) }]
    case .safetensors: [{ try readTensors(Safetensors(path: $0)) }]
    case .gguf: [{ try readTensors(GGUF(path: $0)) }, { _ = try ModelFiles.open(path: $0) }]
    case .prompt: [{ _ = try Prompt.read(jsonl: $0) }]
    case .template: [render]
    }
  }

  /// Name of the file that holds an input; a model's kind is told by its name.
  var fileName: String { self == .gguf ? "input.gguf" : "input" }

  private func readRollouts(_ path: String) throws {
    let reader = try RolloutShardReader(path: path)
    for batch in 0..<reader.batchCount {
      _ = try reader.summaries(batch: batch)
      _ = try reader.rows(batch: batch)
    }
  }

  private func readUpdates(_ path: String) throws { _ = try UpdateShardReader(path: path).rows() }

  private func salvage(_ path: String) throws {
    let output = path + ".salvaged"
    defer { try? LocalFileSystem().remove(output) }
    let found = try ArrowFileReader.salvage(path: path, to: output)
    if found.problem != nil && found.rowCount == 0 { throw RollbookError.badInput(path, "nothing to salvage") }
  }

  /// A chat template is a program from elsewhere, run on messages.
  private func render(_ path: String) throws {
    let text = String(decoding: try MappedFile.contents(of: path), as: UTF8.self)
    var input = ChatTemplate.Input(
      messages: [
        ["role": "system", "content": " S\n"], ["role": "user", "content": "/a é <think>b</think> c?"],
        [
          "role": "assistant", "content": "x",
          "tool_calls": [["function": ["name": "f", "arguments": ["a": [1, 2.5]]]]],
        ],
        ["role": "tool", "content": [["type": "text", "text": "t"]], "name": "f"],
      ])
    input.now = LocalTime("2024-02-29")
    _ = try ChatTemplate(text).render(input)
  }

  private func readTensors(_ source: some TensorSource) throws {
    for tensor in source.tensors where tensor.type.isReadable {
      // Values take no more room than the file has, times the ratio of the densest type.
      guard tensor.elementCount <= 1 << 22 else {
        throw RollbookError.bug("\(tensor.name): \(tensor.elementCount) values in a file of an input's size")
      }
      _ = try source.read(tensor.name)
    }
  }
}
