import Formats
import TestSupport
import Testing
import Tokenizer

/// The tokenizer of the sorting example: few tokens, one for each digit.
struct SortExampleTests {
  private static let folder = "\(projectFolder)/examples/sort"

  @Test func rendersAPromptInFewTokens() throws {
    let tokenizer = try Tokenizer.load(folder: Self.folder)
    let prompt = try tokenizer.render(.init(messages: [Message(role: "user", content: "6 7 4 2").json])).text
    let ids = tokenizer.encode(prompt, addSpecialTokens: false)
    let spellings = ids.map { tokenizer.spelling(of: $0) ?? "" }
    #expect(spellings == ["<|bos|>", "<|user|>", "6", "Ġ7", "Ġ4", "Ġ2", "<|assistant|>"])
    #expect(tokenizer.encode("2 4 6 7", addSpecialTokens: false).count == 4)
    let unknown = try #require(tokenizer.id(of: "<|unk|>"))
    #expect(tokenizer.encode("S", addSpecialTokens: false) == [unknown])
  }

  @Test func fitsItsModel() throws {
    let tokenizer = try Tokenizer.load(folder: Self.folder)
    let config = try JSON.parse(contentsOf: "\(Self.folder)/config.json")
    #expect(config["vocab_size"]?.int == tokenizer.vocabularyCount)
    #expect(config["bos_token_id"]?.int == tokenizer.bosID.map(Int.init))
    #expect(config["eos_token_id"]?.int == tokenizer.eosID.map(Int.init))
    #expect(config["pad_token_id"]?.int == tokenizer.padID.map(Int.init))
  }
}
