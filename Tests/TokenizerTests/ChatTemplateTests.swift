import Formats
import Foundation
import TestSupport
import Testing
import Tokenizer

/// The renderings in Golden/chat, against what transformers' `apply_chat_template` gave.
struct ChatTemplateTests {
  /// A template in Golden whose every construct is covered; the others are listed by `refusesWhatItDoesNotKnow`.
  struct Case: CustomTestStringConvertible, Sendable {
    let name: String
    let template: ChatTemplate
    let rows: [JSON]
    var testDescription: String { name }

    var isCovered: Bool { (try? template.check()) != nil }
  }

  static let cases: [Case] = {
    let rows = (try? jsonLines("\(Golden.folder)/chat/golden.jsonl")) ?? []
    return Dictionary(grouping: rows) { $0["template"]?.string ?? "" }.compactMap { name, rows in
      guard let data = FileManager.default.contents(atPath: "\(Golden.folder)/chat/templates/\(name).jinja") else {
        return nil  // other people's text, which is not kept here
      }
      return Case(name: name, template: ChatTemplate(String(decoding: data, as: UTF8.self), name: name), rows: rows)
    }.sorted { $0.name < $1.name }
  }()

  @Test func someTemplatesAreCovered() {
    #expect(Self.cases.contains { $0.isCovered && !$0.rows.isEmpty })
  }

  @Test(arguments: cases.filter(\.isCovered))
  func renders(_ test: Case) throws {
    for row in test.rows where row["continue_final_message"]?.bool != true {
      let messages = try #require((row["template_messages"] ?? row["messages"])?.array)
      var variables = try #require(row["variables"]?.object)
      let addGenerationPrompt = variables["add_generation_prompt"]?.bool ?? false
      variables["add_generation_prompt"] = nil
      let rendered = Result {
        try test.template.render(messages: messages, addGenerationPrompt: addGenerationPrompt, variables: variables)
      }
      let name = "\(row["conversation"]?.string ?? "")"
      switch rendered {
      case .success(let text): #expect(bytes(text) == bytes(row["rendered"]?.string), "\(name)")
      case .failure(let error):
        #expect(error is RollbookError, "\(name)")
        #expect(row["error"] != nil, "\(name): \(error)")
      }
    }
  }

  /// A template that is not covered says where, and does not render something else.
  @Test(arguments: cases.filter { !$0.isCovered })
  func refusesWhatItDoesNotKnow(_ test: Case) throws {
    let error = try #require(throws: RollbookError.self) { try test.template.check() }
    let place = error.place.split(separator: ":")
    #expect(place.count == 3 && place[0] == test.name && Int(place[1]) != nil && Int(place[2]) != nil)
    #expect(error.message.contains("not supported"))
    #expect(throws: error) { try test.template.render(messages: [], addGenerationPrompt: true) }
  }

  /// Prompts of the real model: rendered text and its ids.
  @Test func rendersAndEncodesPromptsOfTheRealModel() throws {
    let golden = try JSON.parse(contentsOf: "\(Golden.folder)/smollm2/golden.json")
    let template = try #require(Self.cases.first { $0.name == "smollm2" })
    let tokenizer = try #require(TokenizerFolder.all.first { $0.name == "smollm2" }).tokenizer()
    let prompts = try #require(golden["prompts"]?.array)
    #expect(!prompts.isEmpty)
    for prompt in prompts {
      let messages = try #require(prompt["messages"]?.array)
      let text = try template.template.render(messages: messages, addGenerationPrompt: true)
      #expect(bytes(text) == bytes(prompt["prompt"]?.string))
      #expect(tokenizer.encode(text, addSpecialTokens: false) == prompt["ids"]?.ids)
      let response = try #require(prompt["response_ids"]?.ids)
      let whole = try #require(prompt["response"]?.string)
      #expect(whole.utf8.starts(with: tokenizer.decode(response, skipSpecialTokens: true).utf8))
    }
  }
}

/// Small templates, each with what Jinja makes of it.
struct TemplateLanguageTests {
  private func render(_ template: String, _ variables: JSONObject = JSONObject()) throws -> String {
    try ChatTemplate(template, name: "t").render(messages: [], addGenerationPrompt: false, variables: variables)
  }

  @Test(arguments: [
    // White space: blocks take their line along, "-" strips, "+" keeps.
    ("a\n  {% if true %}\nb\n  {% endif %}\nc", "a\nb\nc"),
    ("a\n  {{ 1 }}\nb", "a\n  1\nb"),
    ("a {%- if true -%}  b  {%- endif %} c", "ab c"),
    ("  {%+ if true %}x{% endif +%}\ny", "  x\ny"),
    ("x {# gone #} y\n", "x  y"),
    ("x\n\n", "x\n"),
    ("a\r\nb\rc\r\n", "a\nb\nc"),
    ("{% raw %}{{ x }} {% y %}{% endraw %}z", "{{ x }} {% y %}z"),
    ("{{ '}}' }}{{ {'a': {'b': 1}}['a']['b'] }}", "}}1"),
    // Values and operators.
    ("{{ 1 + 2 * 3 ** 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 7 / 2 }} {{ 1e3 }}", "19 -4 2 3.5 1000.0"),
    ("{{ 'a' ~ 1 ~ true ~ none }} {{ 'ab' * 2 }} {{ 'a' 'b' }}", "a1TrueNone abab ab"),
    ("{{ 3 > 2 > 1 }} {{ 1 == 1.0 }} {{ '1' == 1 }} {{ not [] }}", "True True False True"),
    ("{{ 'a' in 'cat' }} {{ 2 not in [1] }} {{ 'k' in {'k': 1} }}", "True True True"),
    ("{{ 0 or 'x' }} {{ 'a' and 'b' }} {{ 'y' if 1 else 'n' }}{{ 'z' if 0 }}", "x b y"),
    ("{{ 'abcdef'[1:4] }} {{ 'abc'[::-1] }} {{ 'abc'[-1] }} {{ [1, 2, 3][:-1] }}", "bcd cba c [1, 2]"),
    ("{{ [1, 'it\\'s', none, 2.5] }} {{ {'k': 'v\\n'} }}", "[1, \"it's\", None, 2.5] {'k': 'v\\n'}"),
    ("{{ '\\u00e9\\x41\\t\\q' }}", "\u{e9}A\t\\q"),
    (
      "[{{ nothing }}] {{ nothing is defined }} {{ nothing | default('d') }} {{ '' | default('e', true) }}",
      "[] False d e"
    ),
    // Loops and names.
    (
      "{% for x in [1, 2, 3] %}{{ loop.index }}/{{ loop.length }}{{ ', ' if not loop.last }}{% endfor %}",
      "1/3, 2/3, 3/3"
    ),
    ("{% for x in range(9) if x is odd %}{% if x > 5 %}{% break %}{% endif %}{{ x }}{% else %}none{% endfor %}", "135"),
    ("{% for x in [] %}{{ x }}{% else %}none{% endfor %}", "none"),
    ("{% set x = 1 %}{% for y in [1, 2] %}{{ x }}{% set x = 9 %}{% endfor %}{{ x }}", "111"),
    ("{% set n = namespace(a=1) %}{% for y in [1, 2] %}{% set n.a = n.a + y %}{% endfor %}{{ n.a }}", "4"),
    ("{% for k, v in {'a': 1, 'b': 2}.items() %}{{ k }}{{ v }}{% endfor %}", "a1b2"),
    ("{% set a, b = 1, 2 %}{{ b }}{{ a }}", "21"),
    ("{% if false %}1{% elif true %}2{% else %}3{% endif %}", "2"),
    // Filters, tests, methods.
    ("{{ ' x ' | trim }}|{{ 'a,b'.split(',') | join('-') }}|{{ ' a  b '.split() | length }}", "x|a-b|2"),
    ("{{ 'x'.startswith(('y', 'x')) }} {{ 'abc'.endswith('bc') }} {{ '--a-'.strip('-') }}", "True True a"),
    ("{{ {'b': [1, 2.5, none, '<\"é'], 'a': {}} | tojson }}", "{\"b\": [1, 2.5, null, \"<\\\"é\"], \"a\": {}}"),
    ("{{ {'a': 1}.get('b', 2) }} {{ {'a': 1}.a }} {{ 'x' is string and 1 is number }}", "2 1 True"),
  ])
  func renders(_ template: String, _ expected: String) throws {
    #expect(bytes(try render(template)) == bytes(expected))
  }

  /// Malformed templates and constructs that are not covered: an error with line and column.
  @Test(arguments: [
    ("a\n  {% frobnicate %}", "t:2:6"), ("{{ x | frobnicate }}", "t:1:8"), ("{{ x is frobnicate }}", "t:1:9"),
    ("{% if x %}", "t:1:4"), ("{% endif %}", "t:1:4"), ("{{ 'é' }}{{ 1 + }}", "t:1:17"), ("{{ (1 }}", "t:1:7"),
    ("{{ x", "t:1:1"), ("{# x", "t:1:1"), ("{{ 'x }}", "t:1:4"), ("{% raw %}x", "t:1:1"), ("{{ f(1) }}", "t:1:4"),
    ("{{ x.f() }}", "t:1:5"), ("{{ strftime_now('%Y') }}", "t:1:4"), ("{% macro m() %}{% endmacro %}", "t:1:4"),
    ("{% break %}", "t:1:4"), ("{{ 99999999999999999999 }}", "t:1:4"), ("{{ ] }}", "t:1:4"), ("{{ a.b.c }}", "t:1:5"),
    ("{{ 1 // 0 }}", "t:1:6"), ("{{ 9223372036854775807 + 1 }}", "t:1:24"), ("{{ 'a' < 1 }}", "t:1:4"),
    ("{{ raise_exception('no') }}", "t:1:4"), ("{{ 'a' * 99999999999 }}", "t:1:8"), ("{{ none | length }}", "t:1:11"),
    ("{% for x in 1 %}{% endfor %}", "t:1:4"), ("{% set a, b = [1] %}", "t:1:4"), ("{{ range(999999) }}", "t:1:4"),
  ])
  func namesThePlace(_ template: String, _ place: String) throws {
    let error = #expect(throws: RollbookError.self) { try render(template) }
    #expect(error?.place == place)
    #expect(error?.code == .badInput)
  }

  /// Nesting that would overflow the stack of a naive parser.
  @Test(arguments: [
    String(repeating: "(", count: 20_000), String(repeating: "[", count: 20_000), String(repeating: "-", count: 20_000),
    String(repeating: "not ", count: 20_000) + "x", "1" + String(repeating: "+1", count: 20_000),
    "x" + String(repeating: ".a", count: 20_000), "x" + String(repeating: " if x else x", count: 10_000),
  ])
  func refusesEndlessNesting(_ expression: String) throws {
    #expect(throws: RollbookError.self) { try render("{{ \(expression) }}") }
    #expect(throws: RollbookError.self) {
      try render(String(repeating: "{% if x %}", count: 20_000) + expression)
    }
  }
}
