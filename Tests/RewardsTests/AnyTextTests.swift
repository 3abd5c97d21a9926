import Rewards
import Testing

/// Holds for every reward of the registry: a new one is covered by being in the table.
@Suite struct AnyTextTests {
  /// Pieces that the rewards look for, and some that they should survive.
  static let pieces = [
    "<think>", "</think>", "<answer>", "</answer>", "\n", "\n\n", " ", "  ", "a", "the", "5", "-7", "1/2", "3.14", "%",
    "\\boxed{", "{", "}", "[", "]", "(", ")", "\"", "'", ",", ":", ";", "#", "####", "```json\n", "```", "Answer: ",
    "null", "true", "1e999", "9**9**9", "!", "**", "* ", "- ", "+", "/", "==", "***", "******", "P.S.", "<<", ">>",
    "ß", "é", "日本", "Привет", "٣", "\u{301}", "😀", "\u{0}", "\\u0041", "\\", "0.1", "12345678901234567890",
  ]

  private func input(_ draws: inout Draws) -> RewardInput {
    func text(_ most: Int) -> [UInt8] {
      draws.below(4) == 0 ? draws.bytes(upTo: 2 * most) : Array(draws.text(of: Self.pieces, upTo: most).utf8)
    }
    var input = RewardInput(
      response: text(16), answer: draws.below(5) == 0 ? nil : text(4), prompt: text(8),
      numbers: draws.below(2) == 0 ? nil : (0..<draws.below(5)).map { _ in draws.below(20) - 5 },
      responseLength: draws.below(60) - 2, referenceLength: draws.below(3) == 0 ? nil : Double(draws.below(40) - 3),
      referenceAccuracy: draws.below(3) == 0 ? nil : Double(draws.below(5)) / 4,
      correct: draws.below(3) == 0 ? nil : draws.below(2) == 0)
    input.lengthLimit = draws.below(3) == 0 ? nil : draws.below(60) - 2
    input.responseTokens = (0..<draws.below(30)).map { _ in Int32(draws.below(5)) }
    input.meta = .object(Self.fields.map { ($0, fact(&draws, depth: 0)) } + [("instructions", instructions(&draws))])
    return input
  }

  private func instructions(_ draws: inout Draws) -> Fact {
    let ids = InstructionTests.cases.map(\.id) + ["keywords:nothing", "nothing"]
    return .list(
      (0..<draws.below(4)).map { _ in
        .object([
          ("id", .text(ids[draws.below(ids.count)])),
          ("kwargs", .object(Self.settings.map { ($0, fact(&draws, depth: 2)) })),
        ])
      })
  }

  static let settings = [
    "keywords", "keyword", "frequency", "relation", "forbidden_words", "letter", "let_frequency", "let_relation",
    "language", "num_sentences", "num_paragraphs", "num_words", "nth_paragraph", "first_word", "num_placeholders",
    "postscript_marker", "num_bullets", "num_highlights", "section_spliter", "num_sections", "prompt_to_repeat",
    "end_phrase", "capital_frequency", "capital_relation",
  ]

  /// Every field of `meta` that a reward reads, with anything in it.
  static let fields = [
    "numbers", "target", "schema", "language", "answers", "target_length",
    "reference_length", "reference_accuracy", "direction",
  ]

  private func fact(_ draws: inout Draws, depth: Int) -> Fact {
    switch draws.below(depth < 3 ? 8 : 5) {
    case 0: .null
    case 1: .bool(draws.below(2) == 0)
    case 2: .number([0, -1, 3, 0.5, 1e300, -.infinity, .nan][draws.below(7)])
    case 3, 4: .text(draws.text(of: Self.pieces, upTo: 4))
    case 5: .list((0..<draws.below(4)).map { _ in fact(&draws, depth: depth + 1) })
    default:
      .object(
        ["id", "kwargs", "type", "items", "num_words", "relation", "$ref", "pattern"].filter { _ in draws.below(2) == 0
        }
        .map { ($0, fact(&draws, depth: depth + 1)) })
    }
  }

  /// Every reward with its defaults, and with each of the choices its keys name.
  static let specs: [String] =
    RewardRegistry.table.map(\.name)
    + [
      "exact:from=tag,case=fold", "format:form=strict", "format:form=think", "format:form=r1-line",
      "format:form=lenient", "format:form=tag-count", "json:from=tag", "json:from=fence", "language=en",
      "language=meta",
      ##"json-schema:schema={"items":{"$ref":"#"}}"##, "answer-present:case=exact,from=tag", "countdown:from=tag",
      "chain-sum:from=tag", "number-sorting:from=tag",
      "gsm-symbolic:from=tag", "f1:measure=exact", "bleu:smooth=add-one", "bleu:smooth=none,case=fold",
      "instructions:count=all", "repetition:of=words", "o1-pruner:reference=meta", "o1-pruner:lambda=2",
      "overlong:rule=verl", "linear:from=10", "target-length:form=max", "target-length:target=9",
    ]

  @Test(arguments: specs)
  func anyTextIsScored(spec: String) throws {
    let reward = try RewardRegistry.reward(spec)
    var draws = Draws(state: 77)
    for _ in 0..<300 {
      let group = (0..<(1 + draws.below(3))).map { _ in input(&draws) }
      let outputs = reward.score(group)
      #expect(outputs.count == group.count)
      // The same text gives the same verdict, and a number is a finite one.
      #expect(reward.score(group) == outputs)
      for output in outputs {
        #expect(output.value?.isFinite != false)
        #expect((output.extracted?.utf8.count ?? 0) <= 2 * RewardOutput.extractedLimit)
      }
    }
  }

  /// Long texts that are nothing but one thing: no depth of nesting, no run of digits or words makes a reward stop.
  @Test(arguments: specs)
  func longTextsAreScored(spec: String) throws {
    let reward = try RewardRegistry.reward(spec)
    let pieces = [
      "(", "[", "{\"a\":", "9**", "-", "<answer>", "1", "9,", "a ", "word. ", "\\boxed{", "!", "\n\n", "\"",
      "{\"$ref\":",
      "\u{301}", "* ", "[[1],", "```", "1/",
    ]
    for piece in pieces {
      let text = Array(String(repeating: piece, count: 10_000).utf8)
      var input = RewardInput(
        response: text, answer: Array("9 1".utf8), prompt: Array(text.prefix(1000)), numbers: [9, 9])
      input.meta = .object([
        ("numbers", .list([.number(9), .number(9)])), ("target", .number(9)),
        ("schema", .object([("type", .text("object"))])),
        ("answers", .list([.text("word word 9")])), ("direction", .text("ascending")), ("language", .text("en")),
        (
          "instructions",
          .list(InstructionTests.cases.map { .object([("id", .text($0.id)), ("kwargs", $0.settings)]) })
        ),
      ])
      input.correct = true
      input.lengthLimit = 100
      let output = reward.score([input])[0]
      #expect(output.value?.isFinite != false)
    }
  }
}
