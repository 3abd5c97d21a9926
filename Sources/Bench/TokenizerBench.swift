internal import ArgumentParser
internal import Formats
internal import Pipeline
internal import Tokenizer

/// The speed of a tokenizer on one thread: what scripts/interop/bench_tokenizers.py compares with the tokenizers
/// package.
struct TokenizerBench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tokenizer", abstract: "Measure encoding and decoding of a text, as one piece and line by line.")

  @Option(help: "A folder with tokenizer.json, or a .gguf file.")
  var model: String
  @Option(help: "UTF-8 text; its lines are the short texts.")
  var text: String
  @Option(help: "Measurements of each; the best counts.")
  var repeats = 5

  func run() throws {
    let tokenizer = model.hasSuffix(".gguf") ? try Tokenizer(gguf: GGUF(path: model)) : try Tokenizer.load(folder: model)
    let whole = String(decoding: try MappedFile.contents(of: text), as: UTF8.self)
    let lines = whole.utf8.split(separator: UInt8(ascii: "\n")).map { String(decoding: $0, as: UTF8.self) }
    var ids: [Int32] = [], count = 0, decoded = 0
    // The first encoding finds an empty cache of pieces, all others a full one.
    let first = seconds { ids = tokenizer.encode(whole, addSpecialTokens: false) }
    let long = best { ids = tokenizer.encode(whole, addSpecialTokens: false) }
    let short = best { count = lines.reduce(0) { $0 + tokenizer.encode($1, addSpecialTokens: false).count } }
    let back = best { decoded = tokenizer.decode(ids, skipSpecialTokens: false).utf8.count }
    let result: JSON = [
      "bytes": .int(whole.utf8.count), "tokens": .int(ids.count), "line_tokens": .int(count),
      "decoded_bytes": .int(decoded), "digest": .string(Digest.xxh3(try JSON.array(ids.map { .int(Int($0)) }).serialized())),
      "first": .double(first), "long": .double(long), "short": .double(short), "decode": .double(back),
    ]
    try Output.print(result.serialized())
  }

  private func seconds(_ work: () -> Void) -> Double {
    let start = Timestamp.steady
    work()
    return Timestamp.steady - start
  }

  private func best(_ work: () -> Void) -> Double { (0..<max(1, repeats)).map { _ in seconds(work) }.min() ?? 0 }
}
