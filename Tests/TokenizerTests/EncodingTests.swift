import Formats
import Testing
import Tokenizer

/// Ids, text and streaming of every tokenizer in Golden, against what the tokenizers library gave.
struct EncodingTests {
  @Test func thereAreTokenizers() {
    #expect(!TokenizerFolder.all.isEmpty)
  }

  @Test(arguments: TokenizerFolder.all)
  func encodes(_ folder: TokenizerFolder) throws {
    let tokenizer = try folder.tokenizer()
    let rows = try folder.rows("golden.jsonl")
    #expect(!rows.isEmpty)
    for (number, row) in rows.enumerated() {
      let text = try #require(row["text"]?.string)
      let ids = try #require(row["ids"]?.ids)
      #expect(tokenizer.encode(text, addSpecialTokens: false) == ids, "line \(number + 1)")
      #expect(
        tokenizer.encode(text, addSpecialTokens: true) == row["ids_with_special"]?.ids ?? ids, "line \(number + 1)")
    }
  }

  @Test(arguments: TokenizerFolder.all)
  func decodes(_ folder: TokenizerFolder) throws {
    let tokenizer = try folder.tokenizer()
    for (number, row) in try folder.rows("golden.jsonl").enumerated() {
      let ids = try #require(row["ids"]?.ids)
      let decoded = try #require(row["decoded"]?.string)
      #expect(bytes(tokenizer.decode(ids, skipSpecialTokens: false)) == bytes(decoded), "line \(number + 1)")
      let skipped = row["decoded_skip_special"]?.string ?? decoded
      #expect(bytes(tokenizer.decode(ids, skipSpecialTokens: true)) == bytes(skipped), "line \(number + 1)")
    }
  }

  @Test(arguments: TokenizerFolder.all)
  func streams(_ folder: TokenizerFolder) throws {
    let tokenizer = try folder.tokenizer()
    let rows = try folder.rows("incremental.jsonl")
    #expect(!rows.isEmpty)
    var decoder = tokenizer.streamingDecoder(skipSpecialTokens: false)
    for (number, row) in rows.enumerated() {
      let ids = try #require(row["ids"]?.ids)
      let chunks = try #require(row["chunks"]?.array)
      let tokens = try #require(row["bytes"]?.array)
      for (index, id) in ids.enumerated() {
        let place = "line \(number + 1), token \(index)"
        #expect(bytes(decoder.append(id)) == bytes(chunks[index].string), "\(place)")
        #expect(Digest.hex(tokenizer.bytes(of: id)) == tokens[index].string, "\(place)")
      }
      #expect(bytes(decoder.finish()) == bytes(row["rest"]?.string), "line \(number + 1)")
      #expect(
        bytes(tokenizer.decode(ids, skipSpecialTokens: false)) == bytes(row["text"]?.string), "line \(number + 1)")
    }
  }

  @Test(arguments: TokenizerFolder.all.filter { $0.has("byte_runs.jsonl") })
  func decodesByteRuns(_ folder: TokenizerFolder) throws {
    let tokenizer = try folder.tokenizer()
    for (number, row) in try folder.rows("byte_runs.jsonl").enumerated() {
      let ids = try #require(row["ids"]?.ids)
      #expect(
        bytes(tokenizer.decode(ids, skipSpecialTokens: false)) == bytes(row["text"]?.string), "line \(number + 1)")
    }
  }

  @Test(arguments: TokenizerFolder.all.filter { $0.has("golden_digits.jsonl") })
  func encodesWithDigitsCutOut(_ folder: TokenizerFolder) throws {
    var json = try #require(try JSON.parse(contentsOf: "\(folder.path)/tokenizer.json").object)
    json["pre_tokenizer"] = try JSON.parse(contentsOf: "\(folder.path)/pre_tokenizer_digits.json")
    let tokenizer = try Tokenizer(json: .object(json))
    let rows = try folder.rows("golden_digits.jsonl")
    #expect(rows.contains { $0["same_as_plain"]?.bool == false })
    for (number, row) in rows.enumerated() {
      let text = try #require(row["text"]?.string)
      #expect(tokenizer.encode(text, addSpecialTokens: false) == row["ids"]?.ids, "line \(number + 1)")
    }
  }

  /// The same text again and again, and from several threads at once: the cache must never show.
  @Test(arguments: TokenizerFolder.all)
  func encodesAlikeFromManyThreads(_ folder: TokenizerFolder) async throws {
    let tokenizer = try folder.tokenizer()
    let texts = try folder.rows("golden.jsonl").compactMap { $0["text"]?.string }
    let expected = texts.map { tokenizer.encode($0, addSpecialTokens: true) }
    await withTaskGroup(of: Bool.self) { group in
      for _ in 0..<4 {
        group.addTask { texts.map { tokenizer.encode($0, addSpecialTokens: true) } == expected }
      }
      for await same in group { #expect(same) }
    }
  }
}
