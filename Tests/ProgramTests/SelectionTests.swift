import Formats
import Foundation
import Testing

extension ProgramTests {
  /// `--where` in every program that has it, and questions in SQL, from the outside.
  @Suite struct SelectionTests {
    let scratch: Scratch

    init() throws { scratch = try Scratch() }

    private func query(_ statement: String) throws -> [[JSON]] {
      let outcome = try scratch.rollbook("sql", statement, "--json").expect()
      return try JSON.parse(outcome.output)["rows"]?.array?.map { $0.array ?? [] } ?? []
    }

    private func listed(_ flags: String...) throws -> [String] {
      let rows = try scratch.run("rollbook", ["ls", scratch.buffer, "--json"] + flags).expect().json()["rollouts"]?.array
      return try #require(rows).compactMap { $0["id"]?.string }
    }

    /// Rows that are not selected keep their place, without a reward.
    @Test func scoringSomeRollouts() throws {
      try scratch.prepare()
      let rollouts = try scratch.rollouts(0)
      try scratch.score(0, "--scores", "odd", "--where", "sample = 1 or sample = 3").expect()
      let scores = try scratch.scores(0, set: "odd")
      #expect(scores.map(\.rollout) == rollouts.map(\.id))
      #expect(scores.map { $0.reward != nil } == rollouts.map { $0.sample % 2 == 1 })
      let whole = try scratch.scores(0)
      #expect(zip(scores, whole).allSatisfy { $0.reward == nil || $0.reward == $1.reward })
      #expect(try query("SELECT count(*), count(reward) FROM scores WHERE score_set = 'odd'") == [[.int(32), .int(16)]])
      // The selection is part of what was done: the same again is no work, another one is other work.
      try scratch.score(0, "--scores", "odd", "--where", "sample = 1 or sample = 3").expect(naming: "already")
      try scratch.score(0, "--scores", "odd", "--where", "sample = 1").expect(64, naming: "--scores")
      // A set can select by another one.
      try scratch.score(0, "--scores", "again", "--where", "odd.scored").expect()
      #expect(try scratch.scores(0, set: "again").map { $0.reward != nil } == scores.map { $0.reward != nil })
    }

    @Test func trainingOnSomeRollouts() throws {
      try scratch.prepare()
      let rollouts = try scratch.rollouts(0)
      try scratch.train(0, "--where", "response_length > 4").expect()
      let expected = rollouts.filter { $0.responseTokens.count > 4 }.map(\.id)
      #expect(!expected.isEmpty && expected.count < rollouts.count)
      #expect(try Set(scratch.updates(0).map(\.rollout)) == Set(expected))
      let manifest = try scratch.checkpointManifest(1)
      #expect(manifest.action.parameters["where"] == "response_length > 4")
      #expect(try listed("--where", "trained") == expected.map(\.description))
      try scratch.train(0, "--where", "response_length > 4").expect(naming: "already")
      try scratch.train(0).expect(64, naming: "where")
    }

    @Test func selectionsOfNothingAndOfNonsense() throws {
      try scratch.prepare()
      try scratch.train(0, "--where", "task = 'no such task'").expect(69, naming: "--where")
      for wrong in ["reward >", "nothing = 1", "reward = 'a'", "1; DROP TABLE steps", "step = 1 --", "step = 1)", ""] {
        for outcome in [
          try scratch.train(0, "--where", wrong), try scratch.score(0, "--scores", "x", "--where", wrong),
          try scratch.rollbook("ls", "--where", wrong),
        ] { outcome.expect(64, naming: "--where") }
      }
      #expect(!scratch.exists("checkpoints/step-000001"))
      #expect(scratch.names("shards/scores").count == 2)
    }

    @Test func listings() throws {
      try scratch.prepare()
      let rollouts = try scratch.rollouts(0)
      let rewards = try scratch.scores(0).map { $0.reward ?? 0 }
      let good = zip(rollouts, rewards).filter { $1 > 0.5 }.map(\.0.id.description)
      #expect(!good.isEmpty && good.count < rollouts.count)
      #expect(try listed("--where", "reward > 0.5") == good)
      #expect(try listed("--where", "not reward <= 0.5", "--limit", "1") == Array(good.prefix(1)))
      try scratch.rollbook("ls", "--where", "reward > 0.5", "--scores", "none").expect(69, naming: "none")
    }

    @Test func questionsInSQL() throws {
      try scratch.prepare()
      try scratch.train(0, "--on-policy").expect()
      #expect(try query("SELECT step, rollouts, scored FROM steps WHERE score_set = 'main'") == [[.int(0), .int(32), .int(32)]])
      #expect(try query("SELECT DISTINCT stage FROM actions ORDER BY 1")
        == [[.string("generate")], [.string("init")], [.string("score")], [.string("train")]])
      #expect(try query("SELECT DISTINCT role FROM lineage WHERE kind = 'scores'") == [[.string("rollouts")]])
      for statement in [
        "SELECT count(*) FROM updates", "SELECT path FROM shards", "SELECT path FROM checkpoints",
        "WITH a AS (SELECT 1) SELECT * FROM a", "VALUES (1)",
      ] { try scratch.rollbook("sql", statement).expect() }
    }

    /// What SQLite could change, attach or load is refused, and changes nothing.
    @Test(arguments: [
      "DELETE FROM rollout_rows", "UPDATE files SET path = ''", "INSERT INTO files DEFAULT VALUES", "DROP VIEW rollouts",
      "CREATE TABLE x (y)", "ATTACH 'x.sqlite' AS x", "PRAGMA user_version = 9", "VACUUM INTO 'x.sqlite'", "REINDEX",
      "SELECT load_extension('x')", "SELECT 1; DELETE FROM files", "WITH a AS (SELECT 1) DELETE FROM files", "BEGIN",
      "SELECT writefile('x', 'y')", "", "nonsense",
    ])
    func writesAreRefused(statement: String) throws {
      try scratch.prepare()
      try scratch.rollbook("ls").expect()
      let before = try scratch.digests()
      let outcome = try scratch.rollbook("sql", statement)
      #expect([64, 65].contains(outcome.code) && !outcome.wasKilled && outcome.output.isEmpty, "\(outcome)")
      #expect(try scratch.digests() == before)
      let names = try FileManager.default.contentsOfDirectory(atPath: scratch.folder)
      #expect(!names.contains("x.sqlite") && !names.contains("x"))
    }
  }
}
