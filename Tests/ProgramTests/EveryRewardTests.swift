import Formats
import Foundation
import Testing

extension ProgramTests {
  /// Each reward once through the programs: rows are imported, scored by all rewards at once, and read back.
  @Suite struct EveryRewardTests {
    /// Spec, prompt id, sample, and where the value must lie; nil: does not apply.
    private static let cases: [(spec: String, prompt: String, sample: Int, value: ClosedRange<Double>?)] = [
      ("math; judge", "sum", 0, 1...1), ("math; judge", "sum", 1, 0...0), ("math; judge", "free", 0, nil),
      ("exact", "word", 0, 1...1), ("exact", "sum", 0, 0...0), ("answer-present", "sum", 0, 1...1),
      ("answer-present", "sum", 1, 0...0), ("format", "sum", 0, 1...1), ("format", "word", 0, 0...0),
      ("format:form=strict", "think", 0, 1...1), ("format:form=strict", "sum", 0, 0...0),
      ("json", "json", 0, 1...1), ("json", "json", 1, 0...0), ("json-schema", "json", 0, 1...1),
      ("json-schema", "json", 1, 0...0), ("json-schema", "sum", 0, nil), ("language:language=en", "free", 0, 0.8...1),
      ("language:language=de", "free", 0, 0...0.2), ("repetition:of=words", "free", 0, 0...0),
      ("repetition:of=words", "free", 1, -1 ... -0.5), ("f1", "word", 0, 1...1), ("f1", "sum", 1, 0...0),
      ("rouge-l", "word", 0, 1...1), ("bleu", "quote", 0, 1...1), ("instructions", "told", 0, 1...1),
      ("instructions", "told", 1, 0...0), ("instructions", "sum", 0, nil), ("countdown", "countdown", 0, 1...1),
      ("countdown", "countdown", 1, 0.05...0.05), ("chain-sum", "bare", 0, 1...1), ("chain-sum", "bare", 1, 0...0),
      ("number-sorting", "list", 0, 1...1), ("number-sorting", "list", 1, 0...0), ("gsm-symbolic", "sum", 0, 1...1),
      ("gsm-symbolic", "sum", 1, 0.01...0.01), ("sort-positions", "sort", 0, 1...1),
      ("sort-neighbours", "sort", 0, 1...1), ("o1-pruner", "sum", 0, 0.01...10), ("o1-pruner", "sum", 1, 0...0),
      ("kimi-length", "sum", 0, 0.5...0.5), ("kimi-length", "sum", 1, -0.5 ... -0.5), ("kimi-length", "free", 0, nil),
      ("overlong:max=1000,cache=100", "sum", 0, 0...0), ("overlong:max=6,cache=2", "sum", 1, -1 ... -1),
      ("cosine:max=1000", "sum", 0, 0.9...1), ("cosine:max=1000", "sum", 1, -1 ... -0.9),
      ("linear:from=100,to=200", "sum", 0, 1...1), ("linear:from=100,to=200", "sum", 1, 0...0),
      ("target-length:target=100", "sum", 0, -1 ... -0.001),
    ]

    private static let rows = """
      {"id": "sum", "prompt": "What is 2 + 3?", "answer": "5", "response": "Answer: 5", "reward": 0}
      {"id": "sum", "prompt": "What is 2 + 3?", "answer": "5", "response": "Answer: 6, as everybody knows", "reward": 0}
      {"id": "word", "prompt": "The sky?", "answer": "blue", "response": " blue ", "reward": 0}
      {"id": "free", "prompt": "Say something.", "response": "The house that we saw was on the other side of the river, and nobody was there.", "reward": 0}
      {"id": "free", "prompt": "Say something.", "response": "no no no no no no no no no no no no", "reward": 0}
      {"id": "think", "prompt": "?", "answer": "1", "response": "<think>a</think> <answer>1</answer>", "reward": 0}
      {"id": "json", "prompt": "?", "meta": {"schema": {"type": "object", "required": ["a"]}}, "response": "{\\"a\\": 1}", "reward": 0}
      {"id": "json", "prompt": "?", "meta": {"schema": {"type": "object", "required": ["a"]}}, "response": "{a: 1}", "reward": 0}
      {"id": "quote", "prompt": "?", "answer": "to be or not to be", "response": "to be or not to be", "reward": 0}
      {"id": "told", "prompt": "?", "meta": {"instructions": [{"id": "punctuation:no_comma", "kwargs": {}}]}, "response": "none", "reward": 0}
      {"id": "told", "prompt": "?", "meta": {"instructions": [{"id": "punctuation:no_comma", "kwargs": {}}]}, "response": "one, two", "reward": 0}
      {"id": "countdown", "prompt": "?", "meta": {"numbers": [2, 3], "target": 6}, "response": "2*3", "reward": 0}
      {"id": "countdown", "prompt": "?", "meta": {"numbers": [2, 3], "target": 6}, "response": "2+3", "reward": 0}
      {"id": "bare", "prompt": "?", "answer": "12", "response": "12.0", "reward": 0}
      {"id": "bare", "prompt": "?", "answer": "12", "response": "7", "reward": 0}
      {"id": "list", "prompt": "?", "answer": "['1', '2', '30']", "response": "['1', '2', '30']", "reward": 0}
      {"id": "list", "prompt": "?", "answer": "['1', '2', '30']", "response": "['2', '1', '30']", "reward": 0}
      {"id": "sort", "prompt": "3 1 2", "response": "1 2 3", "reward": 0}
      """

    /// Those that need a model, a program or a server have tests of their own.
    private static let elsewhere: Set<String> = [
      "model", "logprob", "kl", "value", "pairwise", "command", "remote", "judge", "code",
    ]

    @Test func everyRewardThroughThePrograms() throws {
      let scratch = try Scratch()
      let file = try scratch.file("rows.jsonl", Self.rows)
      try scratch.rollbook("import", file, "--model", Scratch.example).expect()
      var specs: [String] = []
      for test in Self.cases where !specs.contains(test.spec) { specs.append(test.spec) }
      try scratch.run(
        "rollbook-score",
        ["--buffer", scratch.buffer, "--step", "0", "--scores", "all"] + specs.flatMap { ["--reward", $0] }
      ).expect()
      let samples = try scratch.rollouts(0).reduce(into: [:]) { $0[$1.id] = ($1.promptID, $1.sample) }
      let rows = try scratch.scores(0, set: "all")
      #expect(rows.count == Self.rows.split(separator: "\n").count)
      for test in Self.cases {
        let row = rows.first { samples[$0.rollout]! == (test.prompt, test.sample) }
        let value = try #require(row, "\(test)").components[try #require(specs.firstIndex(of: test.spec))]
        #expect(value.map { test.value?.contains($0) ?? false } ?? (test.value == nil), "\(test): \(value as Any)")
      }
    }

    /// A new reward needs a row here.
    @Test func everyRewardHasACase() throws {
      let help = try Scratch().run("rollbook-score", ["--help"]).expect().output
      let list = help.components(separatedBy: "REWARDS").last?.split(separator: "\n").dropFirst() ?? []
      let names = list.prefix { $0.hasPrefix("  ") }.map { String($0.dropFirst(2).prefix { $0 != " " }) }
      let tested = Set(Self.cases.map { String($0.spec.prefix { $0.isLetter || $0.isNumber || $0 == "-" }) })
      #expect(names.count > 20 && Set(names) == tested.union(Self.elsewhere))
    }
  }
}
