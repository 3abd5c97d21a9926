internal import Formats

/// Rows of every kind that differ in every field: nulls in every column that may have them, empty texts and responses,
/// text beyond ASCII, numbers at the ends of their ranges.
enum InteropRows {
  private static let texts = [
    "", "plain", "é ü ß", "🙂👩‍👩‍👧", "日本語のテキスト", "a\u{0}b", "line\nbreak\ttab \"quoted\" \\", "\u{202e}right",
    String(repeating: "long ", count: 300),
  ]

  private static func text(_ index: Int) -> String { texts[index % texts.count] }

  static func rollouts(step: Int, count: Int) -> [Rollout] {
    (0..<count).map { index in
      let tokens = (0..<(index % 5 == 0 ? 0 : (index * 7) % 40)).map { Int32(truncatingIfNeeded: $0 * 7919 + index) }
      let prompt = (0..<(index % 11)).map { $0 == 0 ? Int32.max : Int32($0) }
      return Rollout(
        id: .make(seed: 1, step: step, promptID: "p\(index / 4)", sample: index % 4, policy: "x"), step: step,
        group: index / 4, sample: index % 4, kind: index % 3 == 0 ? "demonstration" : "sample",
        promptID: "p\(index / 4)-é", task: index % 2 == 0 ? nil : text(index),
        messages: index % 3 == 1 ? nil : #"[{"role":"user","content":"\#(index) 🙂"}]"#, promptText: text(index + 3),
        promptTokens: prompt, responseText: text(index / 2), responseTokens: tokens,
        logprobs: index % 4 == 1 ? nil : tokens.map { -Float($0.magnitude % 1000) / 777 },
        responseMask: index % 4 == 2 ? nil : tokens.map { $0 % 3 != 0 },
        finishReason: FinishReason.allCases[index % FinishReason.allCases.count],
        answer: index % 5 == 2 ? nil : text(index + 1), meta: index % 6 == 3 ? nil : #"{"n":\#(index)}"#,
        policy: index % 7 == 0 ? "" : "xxh3-128:ab", policyStep: index % 3 == 2 ? nil : step - 1,
        seed: index % 2 == 0 ? .min : .max)
    }
  }

  static func scores(_ rows: [Rollout]) -> [ScoreRow] {
    rows.enumerated().map { index, row in
      ScoreRow(
        rollout: row.id, step: row.step, promptID: row.promptID, sample: row.sample,
        reward: index % 5 == 4 ? nil : Double(index) / 7, components: [
          index % 3 == 0 ? nil : 1e300 / Double(index), index % 4 == 0 ? nil : -Double.leastNonzeroMagnitude,
        ], extracted: index % 2 == 1 ? nil : text(index / 2))
    }
  }

  static func updates(_ rows: [Rollout]) -> [UpdateRow] {
    rows.enumerated().map { index, row in
      let count = row.responseTokens.count
      func list(_ scale: Float) -> [Float] { (0..<count).map { Float($0 + index) * scale } }
      // Infinite where a step diverged. No NaN, which does not equal itself.
      let ratios = list(0.5).map { $0 > 70 ? Float.infinity : $0 }
      return UpdateRow(
        rollout: row.id, step: row.step, promptID: row.promptID, sample: row.sample, reward: Double(index) - 0.1,
        advantages: list(0.1), weights: list(1e-9), oldLogprobs: list(-0.3), behaviourLogprobs: list(-0.31),
        referenceLogprobs: index % 3 == 0 ? nil : list(-0.7), logprobs: list(-0.29), ratios: ratios,
        clips: (0..<count).map { Int8($0 % 3 - 1) })
    }
  }
}
