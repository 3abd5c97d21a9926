import Formats
import Foundation
import TestSupport
import Testing
import Tokenizer

/// The renderings in Golden/chat, against what transformers' `apply_chat_template` gave.
struct ChatTemplateTests {
  /// A template and its rows of golden.jsonl.
  struct Case: CustomTestStringConvertible, Sendable {
    let name: String
    /// Nil for other people's text, which is not kept here and could not be fetched.
    let template: ChatTemplate?
    let rows: [JSON]
    var testDescription: String { name }
  }

  static let rows = (try? jsonLines("\(Golden.folder)/chat/golden.jsonl")) ?? []

  static let cases: [Case] = Dictionary(grouping: rows) { $0["template"]?.string ?? "" }
    .map { name, rows in Case(name: name, template: template(name), rows: rows) }.sorted { $0.name < $1.name }

  /// Of Golden, or of the folder that scripts/fetch_templates.sh fills.
  private static func template(_ name: String) -> ChatTemplate? {
    let environment = ProcessInfo.processInfo.environment
    let cache = environment["XDG_CACHE_HOME"] ?? "\(environment["HOME"] ?? "")/.cache"
    let folders = ["\(Golden.folder)/chat/templates", environment["ROLLBOOK_TEMPLATES"], "\(cache)/rollbook/templates"]
    let data = folders.compactMap { $0 }.lazy.compactMap { FileManager.default.contents(atPath: "\($0)/\(name).jinja") }
    return data.first.map { ChatTemplate(String(decoding: $0, as: UTF8.self), name: name) }
  }

  @Test func thereAreCases() {
    #expect(Self.cases.contains { $0.template != nil && !$0.rows.isEmpty })
  }

  @Test(arguments: cases.filter { $0.template != nil })
  func renders(_ test: Case) throws {
    for row in test.rows { try check(row, try #require(test.template)) }
  }

  private static let missing = cases.filter { $0.template == nil }.map(\.name)

  @Test(.enabled(if: missing.isEmpty, "the templates \(missing) are not here: scripts/fetch_templates.sh fetches them"))
  func everyTemplateIsThere() { #expect(Self.missing.isEmpty) }

  private func check(_ row: JSON, _ template: ChatTemplate) throws {
    var variables = try #require(row["variables"]?.object)
    var input = ChatTemplate.Input(messages: try #require(row["messages"]?.array))
    input.addGenerationPrompt = variables["add_generation_prompt"]?.bool ?? false
    variables["add_generation_prompt"] = nil
    input.variables = variables
    input.continueFinalMessage = row["continue_final_message"]?.bool ?? false
    input.keepNulls = row["keep_nulls"]?.bool ?? false
    input.now = row["now"]?.string.flatMap { LocalTime(String($0.prefix(19))) }
    let name = "\(row["conversation"]?.string ?? "") \(try JSON.object(variables).serialized())"
    if let message = row["error"]?.string {
      let error = #expect(throws: RollbookError.self, "\(name)") { try template.render(input) }
      #expect(error?.message.contains(message) == true, "\(name): \(error.map { "\($0)" } ?? "")")
      #expect(error?.place.split(separator: ":").count == 3, "\(name)")
      return
    }
    let output = try template.render(input)
    #expect(bytes(output.text) == bytes(row["rendered"]?.string), "\(name)")
    if let spans = row["generation_spans"]?.array {
      let expected = spans.compactMap { span in span[0]?.int.flatMap { start in span[1]?.int.map { start..<$0 } } }
      #expect(expected.count == spans.count)
      #expect(output.generationSpans == expected, "\(name)")
    }
  }

  /// Prompts of the real model: rendered text and its ids.
  @Test func rendersAndEncodesPromptsOfTheRealModel() throws {
    let golden = try JSON.parse(contentsOf: "\(Golden.folder)/smollm2/golden.json")
    let template = try #require(Self.cases.first { $0.name == "smollm2" }?.template)
    let tokenizer = try #require(TokenizerFolder.all.first { $0.name == "smollm2" }).tokenizer()
    let prompts = try #require(golden["prompts"]?.array)
    #expect(!prompts.isEmpty)
    for prompt in prompts {
      let messages = try #require(prompt["messages"]?.array)
      let text = try template.render(ChatTemplate.Input(messages: messages)).text
      #expect(bytes(text) == bytes(prompt["prompt"]?.string))
      #expect(tokenizer.encode(text, addSpecialTokens: false) == prompt["ids"]?.ids)
      let response = try #require(prompt["response_ids"]?.ids)
      let whole = try #require(prompt["response"]?.string)
      #expect(whole.utf8.starts(with: tokenizer.decode(response, skipSpecialTokens: true).utf8))
    }
  }
}
