import Formats
import Foundation
import Testing

/// What an export writes comes back as it was, whatever it is.
@Suite struct ExchangeRoundTripTests {
  /// A generator with a seed, so that a failure can be repeated.
  private struct Random: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }

    mutating func text() -> String {
      let pieces = [
        "", "a", "\u{0}", "\n", "\r\n", "\u{1B}[31m", "\"", "\\", "é", "e\u{301}", "\u{202E}", "\u{FEFF}", "🙂",
        "\u{2028}", "\u{85}", "\u{E0041}", "{\"a\": 1}", "[1,2]", "null", "\u{FFFD}", "日本", "\u{7F}", "</think>",
      ]
      return (0..<Int.random(in: 0...4, using: &self)).map { _ in pieces.randomElement(using: &self) ?? "" }.joined()
    }

    mutating func json() -> String {
      [
        "[1,2.0,\"x\"]", "{\"a\":{\"b\":null}}", "{\"a\": 1}", "{\"a\":1,\"a\":2}", "\"text\"", "null", "1", "no JSON",
        "",
      ]
      .randomElement(using: &self) ?? ""
    }

    mutating func optional<Value>(_ value: (inout Random) -> Value) -> Value? {
      Bool.random(using: &self) ? value(&self) : nil
    }

    /// Any finite float, by its bits.
    mutating func float() -> Float {
      while true {
        let value = Float(bitPattern: UInt32.random(in: .min ... .max, using: &self))
        if value.isFinite { return value }
      }
    }

    mutating func double() -> Double {
      let edges = [0, -0.0, .leastNonzeroMagnitude, .greatestFiniteMagnitude, 0.1, -1e308, 1]
      while true {
        let value = Double(bitPattern: next())
        if Bool.random(using: &self) { return edges.randomElement(using: &self) ?? 0 }
        if value.isFinite { return value }
      }
    }

    mutating func row(_ index: Int) -> StoredRow {
      let count = Int.random(in: 0...6, using: &self)
      let token = { (random: inout Random) in Int32.random(in: .min ... .max, using: &random) }
      let rollout = Rollout(
        id: .make(["\(index)"]), step: Int.random(in: 0...3, using: &self), group: Int(truncatingIfNeeded: next()),
        sample: Int.random(in: .min ... .max, using: &self), kind: StoredRow.kinds.randomElement(using: &self) ?? "",
        promptID: "p" + text(), task: optional { $0.text() }, messages: optional { $0.json() }, promptText: text(),
        promptTokens: (0..<3).map { _ in token(&self) }, responseText: text(),
        responseTokens: (0..<count).map { _ in token(&self) },
        logprobs: optional { random in (0..<count).map { _ in random.float() } },
        responseMask: optional { random in (0..<count).map { _ in Bool.random(using: &random) } },
        finishReason: FinishReason.allCases.randomElement(using: &self) ?? .stop, answer: optional { $0.text() },
        meta: optional { $0.json() }, policy: text(), policyStep: optional { Int(truncatingIfNeeded: $0.next()) },
        seed: Int(truncatingIfNeeded: next()))
      let scores = ["main", "b.2"].prefix(Int.random(in: 0...2, using: &self)).map { set in
        ExchangeScore(
          set: set, reward: optional { $0.double() },
          components: [.init("c", optional { $0.double() }), .init("d \(text())", double())],
          extracted: optional { $0.text() })
      }
      return StoredRow(rollout: rollout, scores: scores, tokenizer: optional { $0.text() })
    }
  }

  private func bits(_ row: StoredRow) -> [UInt64] {
    (row.rollout.logprobs ?? []).map { UInt64($0.bitPattern) }
      + row.scores.flatMap { score in [score.reward] + score.components.map(\.value) }.map { $0?.bitPattern ?? 1 }
  }

  @Test func jsonLines() throws {
    var random = Random(state: 1)
    let format = try #require(ExchangeFormat.named("rollbook"))
    for index in 0..<2000 {
      let row = random.row(index)
      let line = try row.json().serialized()
      #expect(!line.utf8.contains(UInt8(ascii: "\n")))
      let again = try format.rows(JSON.parse(line), place: "f:1")
      #expect(again == [.stored(row)], "\(line)")
      guard case .stored(let stored) = again[0] else { continue }
      #expect(bits(stored) == bits(row), "\(line)")
      for (a, b) in [
        (stored.rollout.promptText, row.rollout.promptText), (stored.rollout.promptID, row.rollout.promptID),
      ] {
        #expect(a.utf8.elementsEqual(b.utf8), "\(line)")
      }
      #expect(stored.rollout.meta.map { Array($0.utf8) } == row.rollout.meta.map { Array($0.utf8) }, "\(line)")
      #expect(try stored.json().serialized() == line)
    }
  }

  @Test func arrowFiles() throws {
    var random = Random(state: 2)
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("rollbook-\(UUID())").path
    try LocalFileSystem().createFolder(folder)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let rows = (0..<200).map { index in
      var row = random.row(index)
      row.tokenizer = "t"
      row.scores = [
        ExchangeScore(
          set: "main", reward: random.optional { $0.double() },
          components: [.init("c", random.optional { $0.double() }), .init("", 1)],
          extracted: random.optional { $0.text() })
      ]
      return row
    }
    let exchange = ArrowExchange(set: "main", components: ["c", ""], tokenizer: "t")
    let writer = try ArrowFileWriter(path: folder + "/f.arrow", schema: exchange.schema)
    for start in stride(from: 0, to: rows.count, by: 50) {
      try writer.append(try exchange.columns(Array(rows[start..<start + 50])))
    }
    try writer.finish()
    // To everybody else it is a rollout shard.
    let shard = try RolloutShardReader(path: folder + "/f.arrow")
    #expect(try shard.rows() == rows.map(\.rollout))
    let read = ArrowExchange(shard.file.schema)
    let again = try (0..<shard.batchCount).flatMap { try read.rows(shard.file, batch: $0) }
    #expect(again == rows && again.map(bits) == rows.map(bits))
  }

  @Test func damagedRows() throws {
    let row = StoredRow(rollout: sampleRollout(6, tokens: 3), scores: [.init(set: "main", reward: 1)])
    let good = try row.json().serialized()
    let format = try #require(ExchangeFormat.named("rollbook"))
    #expect(try format.rows(JSON.parse(good), place: "") == [.stored(row)])
    let damages: [(String, String, String)] = [
      (row.rollout.id.hex, "xyz", "32 hex digits"), (#""kind":"sample""#, #""kind":"other""#, "one of sample"),
      (#""step":2"#, #""step":-2"#, "0 or more"), (#""step":2"#, #""step":2.5"#, "an integer"),
      (#""step":2"#, #""step":null"#, #"expected "step""#), (#""seed":"#, #""sead":"#, #"expected "seed""#),
      (#""response_length":3"#, #""response_length":4"#, "of 3 tokens, found 4"),
      (#""logprobs":["#, #""logprobs":[0.5,"#, "of 3 tokens, found 4"),
      (#""logprobs":["#, #""logprobs":[1e39,"#, "float32"),
      (#""logprobs":["#, #""logprobs":["x","#, "found \"x\" at 0"),
      (#""prompt_tokens":["#, #""prompt_tokens":[2147483648,"#, "token ids"),
      (#""response_mask":null"#, #""response_mask":[1,0,1]"#, "booleans"),
      (#""finish_reason":""#, #""finish_reason":"a"#, "stop, stop_string"),
      (#""main":{"#, #""a/b":{"#, "name of a set"), (#""main":{"#, #""main":3,"x":{"#, "name of a set"),
      (#""reward":1.0"#, #""reward":"1""#, "a number"), (#""components":{}"#, #""components":{"a":"1"}"#, "or null"),
      (#""prompt_id":"prompt-1""#, #""prompt_id":"""#, "an empty one"),
    ]
    for (old, new, words) in damages {
      let line = good.replacing(old, with: new)
      #expect(line != good, "\(old) is not in \(good)")
      let error = try #require(throws: RollbookError.self) { _ = try format.rows(JSON.parse(line), place: "f:3") }
      #expect(error.code == .badInput && error.place == "f:3" && error.message.contains(words), "\(new): \(error)")
    }
  }

  @Test func linesAreReadInPieces() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("rollbook-\(UUID())").path
    try LocalFileSystem().createFolder(folder)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let path = folder + "/lines"
    func lines() throws -> [LineReader.Line] {
      let reader = try LineReader(path: path)
      var all: [LineReader.Line] = []
      while let line = try reader.next() { all.append(line) }
      #expect(reader.number == all.count)
      #expect(try reader.digest == Digest.file(path))
      return all
    }
    let long = String(repeating: "x", count: 5 << 20)
    let cases = [
      "", "\n", "a", "a\n", "\r\n\n a", "\(long)\nb", "a\n\(long)",
      String(repeating: "y", count: (1 << 20) - 1) + "\nz\n", String(repeating: "y", count: 1 << 20) + "\nz\n",
    ]
    for text in cases {
      try overwrite(path, Array(text.utf8))
      var expected = Array(text.utf8).split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
      if expected.last?.isEmpty == true { expected.removeLast() }
      let found = try lines().map { line in if case .text(let bytes) = line { Array(bytes) } else { [UInt8]() } }
      #expect(found == expected.map { Array($0) }, "\(text.prefix(20))")
    }
    try overwrite(path, Array("a\n".utf8))
    let size = LineReader.longestLine + (3 << 20)
    try #require(truncate(path, off_t(size)) == 0)
    let found = try lines()
    #expect(found.count == 2 && found[1] == .tooLong(size - 2))
    let none = try #require(throws: RollbookError.self) { _ = try LineReader(path: folder + "/none") }
    #expect(none.code == .missing)
    let device = try #require(throws: RollbookError.self) { _ = try LineReader(path: folder) }
    #expect(device.code == .badInput)
  }
}
