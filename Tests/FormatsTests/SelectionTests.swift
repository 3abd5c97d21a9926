import Formats
import Foundation
import TestSupport
import Testing

@Suite("Selections")
struct SelectionTests {
  /// What a selection means, said once more in Swift: over a rollout and its `main` score.
  private typealias Meaning = @Sendable (Rollout, ScoreRecord?) -> Bool

  private static func component(_ name: String, _ score: ScoreRecord?) -> Double? {
    score?.components.first { $0.name == name }?.value ?? nil
  }

  private static let meanings: [(text: String, meaning: Meaning)] = [
    ("step = 1", { r, _ in r.step == 1 }),
    ("step between 1 and 2", { r, _ in (1...2).contains(r.step) }),
    ("not step between 1 and 2", { r, _ in !(1...2).contains(r.step) }),
    ("step not in (0, 2)", { r, _ in ![0, 2].contains(r.step) }),
    ("reward >= 1", { _, s in s?.reward ?? -1 >= 1 }),
    ("reward < 1", { _, s in s?.reward.map { $0 < 1 } ?? false }),
    ("not reward < 1", { _, s in !(s?.reward.map { $0 < 1 } ?? false) }),
    ("reward is null", { _, s in s?.reward == nil }),
    ("reward is not null", { _, s in s?.reward != nil }),
    ("scored = false", { _, s in s?.reward == nil }),
    ("math = 1 and format < 1", { _, s in component("math", s) == 1 && component("format", s) ?? 1 < 1 }),
    ("main.math != 1 or step = 0", { r, s in component("math", s).map { $0 != 1 } ?? false || r.step == 0 }),
    ("not scored", { _, s in s?.reward == nil }),
    ("(main.scored) and passed or step = 2", { r, s in component("math", s) ?? 0 >= 1 || r.step == 2 }),
    ("passed = true", { _, s in component("math", s) ?? 0 >= 1 }),
    ("task = addition", { r, _ in r.task == "addition" }),
    ("task != addition", { r, _ in r.task != nil && r.task != "addition" }),
    ("task is null", { r, _ in r.task == nil }),
    ("prompt ~ 'task-?'", { _, _ in true }),
    ("prompt ~ \"*-1\" and sample > 1", { r, _ in r.promptID == "task-1" && r.sample > 1 }),
    ("prompt !~ '*-1'", { r, _ in r.promptID != "task-1" }),
    ("prompt in (task-0, 'task-2')", { r, _ in ["task-0", "task-2"].contains(r.promptID) }),
    ("prompt = 'it''s [not] there*'", { _, _ in false }),
    ("finish = length", { r, _ in r.finishReason == .length }),
    ("response_length >= 4", { r, _ in r.responseTokens.count >= 4 }),
    ("response_length = 99", { _, _ in false }),
    ("reward > 99 or step = 2", { r, _ in r.step == 2 }),
    ("staleness > 0", { r, _ in r.policyStep.map { r.step - $0 > 0 } ?? false }),
    ("staleness = 0", { r, _ in r.policyStep == r.step }),
    ("policy_step is null", { r, _ in r.policyStep == nil }),
    ("trained = 1", { r, _ in r.step == 0 }),
    ("kind = sample AND NOT (sample < 2 OR group = 0)", { r, _ in !(r.sample < 2 || r.group == 0) }),
    ("other.reward > 1.5 and reward < 2", { _, s in s?.reward == 1 }),
    ("(step=1)and(sample=0)", { r, _ in r.step == 1 && r.sample == 0 }),
    ("id ~ '*'", { _, _ in true }),
    ("step = 1 or step = 0 and sample = 0", { r, _ in r.step == 1 || r.step == 0 && r.sample == 0 }),
  ]

  private func withBuffer(_ body: (Index, [Rollout]) throws -> Void) throws {
    try BufferFixture.withFolder { folder in
      let fixture = try BufferFixture(folder)
      var all: [Rollout] = []
      for step in 0..<3 {
        var rows = fixture.rollouts(step: step)
        for row in rows.indices where step == 2 {
          rows[row].task = row % 2 == 0 ? nil : "other"
          rows[row].policyStep = row % 3 == 0 ? nil : 1
        }
        try fixture.addRollouts(step: step, rows: rows)
        all += rows
      }
      // Step 2 has no scores.
      for step in 0..<2 {
        try fixture.addScores(step: step)
        try fixture.addScores(step: step, set: "other", bonus: 1)
      }
      try fixture.addUpdates(step: 0)
      try body(try Index.current(fixture.buffer).index, all)
    }
  }

  @Test func everySelectionMeansWhatItSays() throws {
    try withBuffer { index, all in
      for (text, meaning) in Self.meanings {
        let selection = try Selection.parse(text)
        let expected = try all.filter { rollout in
          meaning(rollout, try index.scores(of: rollout.id).first { $0.set == "main" })
        }
        var found: [RolloutID] = []
        try index.forEachRollout(where: selection) { record, score in
          found.append(record.id)
          #expect(score?.set ?? "main" == "main")
        }
        #expect(found == expected.map(\.id), "\(text)")
        let count = try index.count(where: selection)
        #expect(count == expected.count, "\(text)")
        #expect(try index.ids(where: selection) == Set(found))
        let ofStep = try index.ids(where: .of(step: 1, selection))
        #expect(ofStep == Set(expected.filter { $0.step == 1 }.map(\.id)), "\(text)")
      }
    }
  }

  @Test func limitsAndSets() throws {
    try withBuffer { index, all in
      var addresses: [String] = []
      try index.forEachRollout(limit: 3) { record, _ in addresses.append(record.address) }
      #expect(addresses == ["0/task-0/0", "0/task-0/1", "0/task-0/2"])
      try index.forEachRollout(where: try .parse("reward > 1.5"), set: "other") { _, score in
        #expect(score?.set == "other" && score?.reward == 2)
      }
      let error = #expect(throws: RollbookError.self) { try index.count(set: "none") }
      #expect(error?.code == .missing && error?.hint?.contains("main, other") == true)
    }
  }

  /// The place of the mistake is under the caret.
  @Test(arguments: [
    ("", 1, "expected a condition"), ("reward sample", 8, "comparison"), ("reward >", 9, "a number or a text"),
    ("reward > 1 step = 2", 12, "'and'"), ("(step = 1", 10, "')'"), ("step = 'open", 8, "closing '"),
    ("step ; 1", 6, "expected a field, a value or a sign"), ("step in ()", 10, "a number or a text"),
    ("and = 1", 1, "expected a field"), ("step between 1", 15, "'and'"), ("not", 4, "expected a field"),
    ("step not = 1", 10, "'between' or 'in'"), ("step is 1", 9, "'null'"),
  ])
  func mistakes(text: String, column: Int, words: String) {
    let error = #expect(throws: RollbookError.self) { try Selection.parse(text) }
    #expect(error?.code == .usage)
    let message = error?.message ?? ""
    #expect(message.contains(words), "\(message)")
    #expect(error?.message.hasSuffix("\n    " + String(repeating: " ", count: column - 1) + "^") == true)
  }

  @Test(arguments: [
    ("rewrd > 1", "no field 'rewrd'"), ("reward > high", "expected a number"), ("task > 1", "expected a number"),
    ("step ~ '1*'", "expected a text field"), ("passed = maybe", "true or false"), ("none.reward > 1", "no field"),
    ("main.none > 1", "no field"), ("task between 1 and 2", "expected a number between"),
    ("main.step = 1", "no field"), ("reward", "expected a comparison"), ("not (step)", "expected a comparison"),
  ])
  func wrongFields(text: String, words: String) throws {
    try withBuffer { index, _ in
      let error = #expect(throws: RollbookError.self) { try index.count(where: Selection.parse(text)) }
      #expect(error?.code == .usage)
      let message = error?.message ?? ""
      #expect(message.contains(words), "\(message)")
    }
  }

  /// Whatever is written becomes a value, a field that is not there, or an error; never SQL.
  @Test func nothingIsInjected() throws {
    try withBuffer { index, all in
      let attacks = [
        "1 = 1; DROP TABLE rollout_rows", "step = 1) OR (1", "prompt = 'x'' OR ''1'", "prompt = \"x') OR ('1\"",
        "'1) OR (1' = 1", "reward > (SELECT 1)", "prompt = x -- y", "task = '%' /* */", "\"step\" = 1 UNION SELECT 1",
        "prompt ~ '*'' OR 1'", "`step` = 1", "step = :w0", "step = ?1", "step = $set",
      ]
      for text in attacks {
        let count = try? index.count(where: Selection.parse(text))
        #expect(count ?? 0 == 0, "\(text)")
      }
      let left = try index.count()
      #expect(left == all.count)
    }
  }

  @Test func depthAndLengthAreBounded() throws {
    for text in [
      String(repeating: "(", count: 100_000), String(repeating: "not ", count: 10_000) + "step = 1",
      String(repeating: "step = 1 and ", count: 4000) + "step = 1", String(repeating: "a", count: 70_000),
      "step in (" + String(repeating: "1,", count: 1000) + "1)",
    ] {
      let error = #expect(throws: RollbookError.self) { try Selection.parse(text) }
      #expect(error?.code == .usage)
    }
    try withBuffer { index, _ in
      let wide = [String](repeating: "(step = 1 or sample = 0)", count: 150).joined(separator: " and ")
      let some = try index.count(where: Selection.parse(wide))
      #expect(some > 0)
      // As deep as selections go, in each way.
      let inner = "step = 1 and (sample >= 0 or reward is null)"
      for (open, count) in [("not (", 10), ("(step = 1 and (sample < 0 or ", 10), ("(", 20)] {
        let closed = String(repeating: String(repeating: ")", count: open.count { $0 == "(" }), count: count)
        let found = try index.count(where: Selection.parse(String(repeating: open, count: count) + inner + closed))
        #expect(found == 12, "\(open)")
      }
    }
  }

  /// Every field is documented, and the documentation names no other.
  @Test func theDocumentListsTheFields() throws {
    let path = "\(projectFolder)/docs/selection.md"
    let text = try String(contentsOfFile: path, encoding: .utf8)
    let section = try #require(text.split(separator: "## Fields").last?.split(separator: "\n## ").first)
    let names = section.split(separator: "\n").compactMap { line -> String? in
      guard line.hasPrefix("| `") else { return nil }
      return line.split(separator: "`").dropFirst().first.map(String.init)
    }
    #expect(names == SelectionField.all.map(\.name) + ["NAME", "SET.reward", "SET.NAME"])
  }
}
