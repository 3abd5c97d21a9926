import Formats
import Foundation
import Testing

extension ProgramTests {
  /// `rollbook gc`, `du` and `lineage`, and an array of tasks that fills one step.
  @Suite struct HousekeepingTests {
    let scratch: Scratch

    init() throws { scratch = try Scratch() }

    /// Three steps, each trained from the checkpoint before.
    private func prepareSteps() throws {
      try scratch.prepare()
      try scratch.train(0, "--on-policy").expect()
      for step in 1...2 {
        try scratch.generate(step).expect()
        try scratch.score(step).expect()
        try scratch.train(step, "--on-policy").expect()
      }
    }

    @Test func collectionKeepsWhatResultsDescendFrom() throws {
      try prepareSteps()
      let results = try scratch.results()
      let keep = ["gc", scratch.buffer, "--keep-last", "1"]
      try scratch.run("rollbook", keep).expect(naming: "nothing to remove", "descends from it")
      try scratch.run("rollbook", keep + ["--apply"]).expect()
      #expect(try scratch.results() == results, "every checkpoint made something that stays")
      try scratch.run("rollbook", keep + ["--cut-lineage"]).expect(naming: "--apply")
      #expect(try scratch.results() == results, "nothing goes without --apply")
      try scratch.run("rollbook", keep + ["--cut-lineage", "--apply"]).expect()
      #expect(scratch.names("checkpoints") == ["step-000003"])
      #expect(try scratch.results() == results.filter { name, _ in name.hasPrefix("shards/") || name.contains("step-000003") })
      try scratch.rollbook("ls").expect()
      try scratch.run("rollbook", keep + ["--cut-lineage", "--apply"]).expect()
      try scratch.generate(3).expect()
    }

    @Test func collectionOfLeftovers() throws {
      try scratch.prepare()
      try FileManager.default.removeItem(atPath: scratch.path(scratch.rolloutShard(0).replacing(".arrow", with: ".json")))
      try "left".write(toFile: scratch.path("staging/left.arrow"), atomically: false, encoding: .utf8)
      let young = try scratch.run("rollbook", ["gc", scratch.buffer, "--apply", "--json"]).expect()
      #expect(scratch.exists("staging/left.arrow"), "it may be at work: \(young)")
      try scratch.run("rollbook", ["gc", scratch.buffer, "--apply", "--min-age", "0"]).expect()
      #expect(!scratch.exists("staging/left.arrow") && !scratch.exists(scratch.rolloutShard(0)))
      try scratch.generate(0).expect()
      try scratch.rollbook("verify").expect()
    }

    @Test func usageAndLineage() throws {
      try prepareSteps()
      let usage = try scratch.rollbook("du", "--json").expect().json()
      #expect((usage["total"]?.int ?? 0) > 0)
      try scratch.rollbook("du").expect(naming: "checkpoints", "rollouts", "scores", "updates")
      let tree = try scratch.rollbook("lineage", "step-000003").expect().output
      for step in 0...2 { #expect(tree.contains("step-00000\(step)"), "\(tree)") }
      let graph = try scratch.rollbook("lineage", "step-000003", "--dot").expect().output
      #expect(graph.hasPrefix("digraph") && graph.hasSuffix("}\n"))
      try scratch.rollbook("lineage", "step-000009").expect(69, naming: "step-000009")
    }

    /// Sixteen workers of one step, and readers all the while: nothing is lost, and no half shard is ever seen.
    @Test func sixteenArrayTasks() throws {
      try scratch.initialise()
      let workers = try (0..<16).map { index in
        try scratch.start(
          "rollbook-generate",
          scratch.generateArguments(
            0, ["--prompts-per-step", "32", "--groups-per-shard", "1", "--shard-index", "\(index)", "--num-shards", "16"]),
          environment: ["SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "\(index)", "OMP_NUM_THREADS": "1"])
      }
      while workers.contains(where: { $0.isRunning }) {
        let step = try scratch.rollbook("ls", "--json").expect().json()["steps"]?.array?.first
        if let step { #expect((step["rollouts"]?.int ?? 1) % 4 == 0) }
        try scratch.rollbook("sql", "SELECT count(*) FROM rollouts", "--json").expect()
      }
      for worker in workers { worker.wait().expect() }
      let counts = ["sql", scratch.buffer, "SELECT count(*), count(DISTINCT id), count(DISTINCT prompt) FROM rollouts", "--json"]
      let rows = try scratch.run("rollbook", counts).expect().json()["rows"]
      #expect(rows == .array([.array([.int(128), .int(128), .int(32)])]))
      try scratch.rollbook("verify", "--deep").expect(naming: "all as published")
      let tasks = try scratch.run("rollbook", ["sql", scratch.buffer, "SELECT count(DISTINCT scheduler ->> 'SLURM_ARRAY_TASK_ID') FROM actions", "--json"])
      #expect(try tasks.expect().json()["rows"] == .array([.array([.int(16)])]))
      try scratch.rollbook("reindex").expect()
      #expect(try scratch.run("rollbook", counts).expect().json()["rows"] == rows)
    }
  }
}
