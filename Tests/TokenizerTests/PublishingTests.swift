import Formats
import Foundation
import TestSupport
import Testing
import Tokenizer

/// Writes a tokenizer's files into a folder of their own and reads them from there.
func publishedAndRead(_ tokenizer: Tokenizer) throws -> Tokenizer {
  let folder = FileManager.default.temporaryDirectory.appending(path: "rollbook-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  for file in try tokenizer.files() { try Data(file.bytes).write(to: folder.appending(path: file.name)) }
  return try Tokenizer.load(folder: folder.path)
}

/// The files that a checkpoint gets, and the tokenizer's digest.
struct PublishingTests {
  /// A tokenizer read from a folder gives that folder's bytes.
  @Test(arguments: TokenizerFolder.all)
  func passesFilesThrough(_ folder: TokenizerFolder) throws {
    let files = try folder.tokenizer().files()
    #expect(files.contains { $0.name == "tokenizer.json" } && files.contains { $0.name == "tokenizer_config.json" })
    for file in files {
      #expect(FileManager.default.contents(atPath: "\(folder.path)/\(file.name)").map(Array.init) == file.bytes)
    }
  }

  /// One that was not read from files writes its own, which read as the same tokenizer.
  @Test(arguments: TokenizerFolder.all)
  func writesFilesThatReadTheSame(_ folder: TokenizerFolder) throws {
    let tokenizer = try Tokenizer(
      json: try JSON.parse(contentsOf: "\(folder.path)/tokenizer.json"),
      config: try JSON.parse(contentsOf: "\(folder.path)/tokenizer_config.json"))
    let again = try publishedAndRead(tokenizer)
    #expect(again.digest == tokenizer.digest)
    #expect(again.bosID == tokenizer.bosID && again.eosID == tokenizer.eosID && again.padID == tokenizer.padID)
    for row in try folder.rows("golden.jsonl") {
      let text = try #require(row["text"]?.string)
      let ids = tokenizer.encode(text, addSpecialTokens: true)
      #expect(again.encode(text, addSpecialTokens: true) == ids)
      #expect(
        bytes(again.decode(ids, skipSpecialTokens: true)) == bytes(tokenizer.decode(ids, skipSpecialTokens: true)))
    }
  }

  @Test func digestsTellTokenizersApart() throws {
    let digests = try TokenizerFolder.all.map { try $0.tokenizer().digest }
    #expect(Set(digests).count == digests.count)
    #expect(digests.allSatisfy { $0.hasPrefix(Digest.prefix) })
  }

  /// Whatever changes ids or text changes the digest; what does not, leaves it.
  @Test func digestCoversWhatDecidesIDs() throws {
    let plain = try Tokenizer(json: SmallTokenizer.json()).digest
    #expect(
      try Tokenizer(json: SmallTokenizer.json(), config: ["chat_template": "x", "eos_token": "<e>"]).digest == plain)
    let changes: [(inout JSONObject) -> Void] = [
      { $0["model"] = SmallTokenizer.model(merges: [["b", "a"], ["a", "b"]]) },
      { $0["model"] = SmallTokenizer.model(vocabulary: ["a": 1, "b": 0, "ab": 2, "ba": 3]) },
      { $0["added_tokens"] = [SmallTokenizer.addedToken("<f>")] },
      { $0["added_tokens"] = [SmallTokenizer.addedToken("<e>", special: false)] },
      { $0["added_tokens"] = [] },
      { $0["normalizer"] = ["type": "NFC"] },
      { $0["pre_tokenizer"] = ["type": "ByteLevel", "add_prefix_space": true, "use_regex": true] },
    ]
    var digests = [plain]
    for change in changes {
      var json = try #require(SmallTokenizer.json().object)
      change(&json)
      digests.append(try Tokenizer(json: .object(json)).digest)
    }
    #expect(Set(digests).count == digests.count)
  }

  @Test func readsATemplateFileBeforeTheOneInTheConfiguration() throws {
    let tokenizer = try Tokenizer(
      json: SmallTokenizer.json(), config: ["chat_template": "old", "eos_token": ["content": "<e>"]],
      chatTemplate: "new {{ eos_token }}{{ messages[0].content }}")
    #expect(tokenizer.eosIDs == [4])
    #expect(try tokenizer.render(.init(messages: [Message(role: "user", content: "!").json])).text == "new <e>!")
    let named = try Tokenizer(
      json: SmallTokenizer.json(), config: ["chat_template": [["name": "default", "template": "d"]]])
    #expect(named.chatTemplate?.text == "d")
  }

  @Test func saysThatThereIsNoTemplate() throws {
    let tokenizer = try Tokenizer(json: SmallTokenizer.json())
    let error = #expect(throws: RollbookError.self) {
      try tokenizer.render(.init(messages: [Message(role: "user", content: "Hi").json])).text
    }
    #expect(error?.message.contains("no chat template") == true)
    #expect(error?.hint?.contains("\"prompt\"") == true)
  }
}
