import Rewards
import Testing

/// IFEval's instructions: each with a response that follows it and one that does not.
@Suite struct InstructionTests {
  struct Case: Sendable {
    let id: String
    let settings: Fact
    let follows: [String]
    let misses: [String]

    init(_ id: String, _ settings: [(String, Fact)], follows: [String], misses: [String]) {
      (self.id, self.follows, self.misses) = (id, follows, misses)
      self.settings = .object(settings.map { (key: $0.0, value: $0.1) })
    }
  }

  static let cases: [Case] = [
    Case(
      "keywords:existence", [("keywords", .list([.text("Cat"), .text("dog")]))], follows: ["cats and DOGS"],
      misses: ["cat"]),
    Case(
      "keywords:frequency", [("keyword", .text("aa")), ("relation", .text("at least")), ("frequency", .number(2))],
      follows: ["aaAA"], misses: ["aaa"]),
    Case(
      "keywords:forbidden_words", [("forbidden_words", .list([.text("bad")]))], follows: ["badly"],
      misses: ["so Bad!"]),
    Case(
      "keywords:letter_frequency",
      [("letter", .text("E")), ("let_relation", .text("less than")), ("let_frequency", .number(2))],
      follows: ["tree"].map { _ in "the" }, misses: ["Ee"]),
    Case(
      "language:response_language", [("language", .text("de"))], follows: ["Das ist die Antwort."],
      misses: ["This is the answer."]),
    Case(
      "length_constraints:number_sentences", [("relation", .text("less than")), ("num_sentences", .number(3))],
      follows: ["One. Two is 2.5", "Mr. Fox came. \"Yes!\""], misses: ["One. Two! Three?"]),
    Case(
      "length_constraints:number_paragraphs", [("num_paragraphs", .number(2))], follows: ["a\n***\nb", "a***b***"],
      misses: ["a", "a *** *** b"]),
    Case(
      "length_constraints:number_words", [("relation", .text("at least")), ("num_words", .number(3))],
      follows: ["one two-three"], misses: ["one two."]),
    Case(
      "length_constraints:nth_paragraph_first_word",
      [("num_paragraphs", .number(2)), ("nth_paragraph", .number(2)), ("first_word", .text("Hello"))],
      follows: ["a\n\n\"hello, you"], misses: ["hello\n\na", "a", "a\n\nhello\n\nb"]),
    Case(
      "detectable_content:number_placeholders", [("num_placeholders", .number(2))], follows: ["[a] [b c]"],
      misses: ["[a\n] [b]"]),
    Case(
      "detectable_content:postscript", [("postscript_marker", .text("P.S."))], follows: ["x\np. s. y"], misses: ["PS y"]
    ),
    Case(
      "detectable_content:postscript", [("postscript_marker", .text("P.P.S"))], follows: ["P.P.S z"], misses: ["P.S. z"]
    ),
    Case(
      "detectable_format:number_bullet_lists", [("num_bullets", .number(2))], follows: ["* a\n - b\n**c**"],
      misses: ["* a", "- a\n- b\n- c"]),
    Case("detectable_format:constrained_response", [], follows: ["My answer is no."], misses: ["no"]),
    Case(
      "detectable_format:number_highlighted_sections", [("num_highlights", .number(2))], follows: ["*a* and **b**"],
      misses: ["*a* ** ** *\n*", "**a**"]),
    Case(
      "detectable_format:multiple_sections", [("section_spliter", .text("Section")), ("num_sections", .number(2))],
      follows: ["Section 1 a\nSection 2 b"], misses: ["Section 1 Section"]),
    Case(
      "detectable_format:json_format", [], follows: ["{\"a\": 1}", "```json\n[1]\n```", "```\n1\n```"],
      misses: ["a", "```"]),
    Case("detectable_format:title", [], follows: ["<<A title>>\nx"], misses: ["<< >>", "<<a\n>>", "title"]),
    Case("combination:two_responses", [], follows: ["a******b"], misses: ["a", "a******a", "a******b******c"]),
    Case(
      "combination:repeat_prompt", [("prompt_to_repeat", .text("Say it. "))], follows: [" say IT. Yes"],
      misses: ["Yes. Say it."]),
    Case(
      "startend:end_checker", [("end_phrase", .text("The end."))], follows: ["so \"the end.\" \n"],
      misses: ["The end. Or not"]),
    Case(
      "change_case:capital_word_frequency",
      [("capital_relation", .text("at least")), ("capital_frequency", .number(2))],
      follows: ["I SAY so"], misses: ["Say SO"]),
    Case(
      "change_case:english_capital", [], follows: ["THIS IS THE ANSWER."],
      misses: ["THIS is", "DAS IST NICHT DIE ANTWORT"]),
    Case(
      "change_case:english_lowercase", [], follows: ["this is the answer."],
      misses: ["This is", "das ist nicht die antwort", "1"]),
    Case("punctuation:no_comma", [], follows: ["a b"], misses: ["a, b"]),
    Case("startend:quotation", [], follows: [" \"a\" "], misses: ["\"", "a"]),
  ]

  private func input(_ response: String, _ instructions: [(String, Fact)]) -> RewardInput {
    var input = RewardInput(response: Array(response.utf8))
    input.meta = .object([
      ("instructions", .list(instructions.map { .object([("id", .text($0.0)), ("kwargs", $0.1)]) }))
    ])
    return input
  }

  @Test func everyInstruction() throws {
    let reward = try RewardRegistry.reward("instructions")
    for one in Self.cases {
      for text in one.follows {
        #expect(reward.score([input(text, [(one.id, one.settings)])])[0].value == 1, "\(one.id): \(text)")
      }
      for text in one.misses {
        #expect(reward.score([input(text, [(one.id, one.settings)])])[0].value == 0, "\(one.id): \(text)")
      }
    }
    #expect(Set(Self.cases.map(\.id)).count == 25)
  }

  @Test func sharesAndAll() throws {
    let two: [(String, Fact)] = [("punctuation:no_comma", .object([])), ("startend:quotation", .object([]))]
    #expect(
      try RewardRegistry.reward("instructions").score([input("a b", two)])[0] == RewardOutput(0.5, extracted: "1 of 2"))
    let all = try RewardRegistry.reward("instructions:count=all")
    #expect(all.score([input("a b", two), input("\"a\"", two)]).map(\.value) == [0, 1])
    #expect(all.judgesCorrectness)
    // IFEval's own columns.
    var columns = RewardInput(response: Array("a b".utf8))
    columns.meta = .object([
      ("instruction_id_list", .list([.text("punctuation:no_comma"), .text("length_constraints:number_words")])),
      (
        "kwargs",
        .list([.object([]), .object([("num_words", .number(9)), ("relation", .text("at least")), ("x", .null)])])
      ),
    ])
    #expect(try RewardRegistry.reward("instructions").score([columns])[0].value == 0.5)
  }

  @Test(arguments: [
    ("startend:nothing", Fact.object([])), ("length_constraints:number_words", .object([])), ("", .null),
    ("length_constraints:number_words", .object([("num_words", .number(3)), ("relation", .text("exactly"))])),
    ("keywords:existence", .object([("keywords", .list([]))])),
    ("language:response_language", .object([("language", .text("xx"))])),
  ])
  func whatCannotBeCheckedIsNotScored(id: String, settings: Fact) throws {
    let known: [(String, Fact)] = [("punctuation:no_comma", .object([]))]
    let output = try RewardRegistry.reward("instructions").score([input("a", known + [(id, settings)])])[0]
    #expect(output.value == nil)
    #expect(output.extracted == "instruction \(id): unknown, or its kwargs cannot be used")
    #expect(try score("instructions", "a") == RewardOutput(nil))
  }
}
