import ArgumentParser
import Formats
import Foundation
import Inspect
import Testing

@Suite("lineage, du and gc")
struct HousekeepingTests {
  /// Checkpoints 0 to 3 in a line: rollouts of step N are sampled from checkpoint N, and training on them makes N+1.
  /// Checkpoint 9 was made from nothing that is here, and nothing from it.
  private func withRun(_ body: (BufferFixture, Index) throws -> Void) throws {
    try BufferFixture.withFolder { folder in
      let fixture = try BufferFixture(folder)
      var policy = try fixture.addCheckpoint(step: 0, files: ["config.json": "{}", "model.safetensors": "0"], inputs: [])
      for step in 0..<3 {
        let weights = try #require(policy.files?.first { $0.name == "model.safetensors" }).digest
        let name = "checkpoints/\(policy.name)"
        let rollouts = try fixture.addRollouts(
          step: step, inputs: [
            .init(role: "prompts", name: "prompts \"x\".jsonl", digest: "xxh3-128:pp"),
            .init(role: "policy", name: name, digest: weights),
          ])
        let scores = try fixture.addScores(step: step)
        policy = try fixture.addCheckpoint(
          step: step + 1, files: ["config.json": "{}", "model.safetensors": "\(step + 1)"],
          inputs: [
            .init(role: "scores", name: scores.name, digest: scores.digest),
            .init(role: "rollouts", name: rollouts.name, digest: rollouts.digest),
            .init(role: "policy", name: name, digest: weights),
          ])
      }
      try fixture.addCheckpoint(step: 9, files: ["config.json": "{}", "model.safetensors": "9"], inputs: [])
      try body(fixture, try Index.current(fixture.buffer).index)
    }
  }

  private func age(_ path: String) throws {
    try FileManager.default.setAttributes([.modificationDate: Date(timeIntervalSinceNow: -86400)], ofItemAtPath: path)
  }

  @Test func theTreeGoesBackToTheStart() throws {
    try withRun { _, index in
      let root = try index.output(named: "step:2")
      let lines = try LineageGraph(index, from: root, depth: .max).tree().split(separator: "\n").map(String.init)
      #expect(lines[0].hasPrefix("checkpoints/step-000002   train 2026-11-21 09:00"))
      #expect(lines[1].hasPrefix("├─ scores: shards/scores/main-step-000001-part-00000.arrow"))
      #expect(lines[2].hasPrefix("│  └─ rollouts: shards/rollouts/step-000001-part-00000.arrow"))
      #expect(lines[3].hasPrefix("│     ├─ prompts: prompts \"x\".jsonl   xxh3-128:pp"))
      #expect(lines.last == "└─ policy: checkpoints/step-000001 (above)")
      // Each output of the steps before is there, and once only with what lies below it.
      for name in ["checkpoints/step-000000", "rollouts/step-000000", "rollouts/step-000001", "main-step-000000"] {
        #expect(lines.count { $0.contains(name) && !$0.contains("(above)") } == 1, "\(name)")
      }
      #expect(!lines.contains { $0.contains("step-000003") || $0.contains("step-000009") })
      let near = try LineageGraph(index, from: root, depth: 1).tree().split(separator: "\n")
      #expect(near.count == 4)
    }
  }

  @Test func graphvizAndJSON() throws {
    try withRun { _, index in
      let graph = try LineageGraph(index, from: index.output(named: "latest"), depth: .max)
      #expect(graph.dot() == "digraph lineage {\n  rankdir=LR;\n  node [shape=box];\n  \"checkpoints/step-000009\";\n}\n")
      let dot = try LineageGraph(index, from: index.output(named: "step-000001"), depth: .max).dot()
      #expect(dot.contains("\"checkpoints/step-000000\" -> \"shards/rollouts/step-000000-part-00000.arrow\" [label=\"policy\"];"))
      #expect(dot.contains("[style=dashed, label=\"prompts \\\"x\\\".jsonl\"];"))
      #expect(dot.split(separator: "\n").allSatisfy { $0.hasSuffix("{") || $0.hasSuffix("}") || $0.hasSuffix(";") })
      let json = try LineageGraph(index, from: index.output(named: "checkpoints/step-000001/"), depth: .max).json()
      #expect(json["outputs"]?.array?.count == 4)
      #expect(json["outputs"]?[0]?["inputs"]?[2]?["output"] == "checkpoints/step-000000")
    }
  }

  @Test func namesOfOutputs() throws {
    try withRun { fixture, index in
      let shard = "shards/rollouts/step-000001-part-00000.arrow"
      for name in [shard, "\(fixture.buffer.root)/\(shard)", "1/task-0/0", fixture.rollouts(step: 1)[0].id.hex] {
        let found = try index.output(named: name)
        #expect(found.path == shard, "\(name)")
      }
      let scores = try index.output(named: "main-step-000001-part-00000")
      #expect(scores.kind == .scores)
      let error = #expect(throws: RollbookError.self) { try index.output(named: "step:7") }
      #expect(error?.code == .missing)
    }
  }

  @Test func usageCountsEveryFile() throws {
    try withRun { fixture, _ in
      let usage = try DiskUsage(fixture.buffer)
      var bytes = 0
      let files = try #require(FileManager.default.enumerator(atPath: fixture.buffer.root))
      while let name = files.nextObject() as? String {
        let attributes = try FileManager.default.attributesOfItem(atPath: "\(fixture.buffer.root)/\(name)")
        if attributes[.type] as? FileAttributeType == .typeRegular { bytes += attributes[.size] as? Int ?? 0 }
      }
      #expect(usage.total == bytes && bytes > 0)
      #expect(usage.kinds.first { $0.name == "checkpoints: weights" }?.bytes == 5)
      #expect(usage.kinds.first { $0.name == "scores: main" }?.files == 3)
      #expect(usage.kinds.map(\.bytes) == usage.kinds.map(\.bytes).sorted(by: >))
    }
  }

  private func collect(
    _ fixture: BufferFixture, _ rule: GarbageCollection.KeepRule, cutLineage: Bool = false, age: Double = 0
  ) throws -> GarbageCollection {
    try GarbageCollection(
      fixture.buffer, Index.current(fixture.buffer).index, rule, minimumAge: age, cutLineage: cutLineage)
  }

  @Test func nothingThatAKeptResultDescendsFromIsRemovable() throws {
    try withRun { fixture, _ in
      let found = try collect(fixture, .init(keepLast: 1))
      // 9 is the newest; 0 to 2 have heirs; 3 has none.
      #expect(found.removable.map(\.path) == ["checkpoints/step-000003"])
      #expect(found.needed.map(\.path) == (0...2).map { "checkpoints/step-00000\($0)" })
      #expect(found.needed.allSatisfy { $0.reason.hasSuffix("descends from it") })
      #expect(try collect(fixture, .init(keepLast: 2)).removable.isEmpty)
      #expect(try collect(fixture, .init()).removable.isEmpty)
      let cut = try collect(fixture, .init(keepLast: 1, keepEvery: 2), cutLineage: true)
      #expect(cut.removable.map(\.path) == ["checkpoints/step-000001", "checkpoints/step-000003"])
      // Listing is all that has happened so far.
      #expect(try fixture.buffer.manifests(.checkpoint).map(\.step) == [0, 1, 2, 3, 9])
      let freed = try cut.apply()
      #expect(freed > 0 && freed == cut.removable.reduce(0) { $0 + $1.bytes })
      #expect(try fixture.buffer.manifests(.checkpoint).map(\.step) == [0, 2, 9])
      #expect(try Verification.run(fixture.buffer, deep: false).problems.isEmpty)
      #expect(try Index.current(fixture.buffer).index.checkpoints().map(\.step) == [0, 2, 9])
    }
  }

  @Test func leftoversGoUnlessTheyAreInUse() throws {
    try withRun { fixture, _ in
      let buffer = fixture.buffer
      func make(_ path: String) throws { try Data("left".utf8).write(to: URL(fileURLWithPath: path)) }
      let stopped = buffer.stagingPath(.rollouts, step: 7, part: 0)
      let running = buffer.stagingPath(.rollouts, step: 8, part: 0)
      let orphan = "\(buffer.rolloutsFolder)/\(Buffer.shardName(step: 7, part: 0))"
      let fresh = buffer.stagingPath("fresh.tmp")
      for path in [stopped, running, orphan, fresh] { try make(path) }
      for path in [stopped, running, orphan] { try age(path) }
      let lock = try StagingLock(path: running + ".lock")
      let found = try collect(fixture, .init(), age: 3600)
      #expect(Set(found.removable.map(\.path)) == [buffer.relative(stopped), buffer.relative(orphan)])
      #expect(found.removable.allSatisfy { $0.bytes == 4 })
      #expect(Set(found.inUse.map(\.path)) == [buffer.relative(running), buffer.relative(fresh)])
      #expect(try found.apply() == 8)
      lock.release()
      #expect(Set(try collect(fixture, .init()).removable.map(\.path)) == [buffer.relative(running), buffer.relative(fresh)])
      let published = try buffer.manifests(.rollouts).count
      _ = try collect(fixture, .init()).apply()
      #expect(try buffer.manifests(.rollouts).count == published)
      #expect(try Verification.run(buffer, deep: true).problems.isEmpty)
    }
  }

  @Test(arguments: [["--keep-last", "0"], ["--keep-every", "0"], ["--min-age", "-1"], ["--cut-lineage"]])
  func wrongFlags(flags: [String]) {
    #expect(throws: (any Error).self) { try CollectCommand.parse(["runs/add"] + flags) }
  }
}
