import Formats
import Foundation
import Testing

extension ProgramTests {
  /// Import and export, from the outside.
  @Suite struct ExchangeTests {
    let scratch: Scratch

    init() throws { scratch = try Scratch() }

    /// `rollbook import` with the sorting example's tokenizer.
    private func take(_ files: [String], _ flags: String...) throws -> Outcome {
      try scratch.run("rollbook", ["import", scratch.buffer] + files + ["--model", Scratch.example] + flags)
    }

    private func export(_ buffer: String, _ flags: String...) throws -> String {
      try scratch.run("rollbook", ["export", buffer, "jsonl"] + flags).expect().output
    }

    private func text(_ path: String) throws -> [UInt8] { try MappedFile.contents(of: path) }

    // MARK: round trips

    /// A run of two steps, scored twice, comes back to the byte, by either format.
    @Test func nothingIsLost() throws {
      try scratch.prepare()
      try scratch.score(0, "--scores", "second").expect()
      try scratch.train(0, "--on-policy").expect()
      try scratch.generate(1, "--groups-per-shard", "3").expect()
      try scratch.score(1).expect()
      let run = scratch.buffer
      let path = scratch.folder + "/all.jsonl"
      try scratch.run("rollbook", ["export", run, "jsonl", "--output", path]).expect(naming: "64 rollouts")
      #expect(try export(run) == String(decoding: try text(path), as: UTF8.self), "standard output says the same")
      scratch.buffer = scratch.folder + "/copy"
      let report = try scratch.run("rollbook", ["import", scratch.buffer, path, "--json"]).expect().json()
      #expect(report["rollouts"]?.int == 64 && report["scored"]?.int == 64 && report["made"]?.int == 2)
      #expect(try export(scratch.buffer) == String(decoding: try text(path), as: UTF8.self))
      #expect(try scratch.rollouts(0) == (try RolloutShardReader(path: "\(run)/\(scratch.rolloutShard(0))").rows()))
      #expect(try scratch.scores(0, set: "second").map(\.reward) == (try scratch.scores(0).map(\.reward)))
      try scratch.rollbook("verify", "--deep").expect(naming: "all as published")

      let arrow = scratch.folder + "/all.arrow"
      try scratch.run("rollbook", ["export", run, "arrow", "--output", arrow]).expect()
      scratch.buffer = scratch.folder + "/arrow"
      try scratch.run("rollbook", ["import", scratch.buffer, arrow]).expect(naming: "scores in 'main'")
      try scratch.run("rollbook", ["export", scratch.buffer, "arrow", "-o", arrow + "2"]).expect()
      #expect(try text(arrow) == text(arrow + "2"))
      try scratch.rollbook("verify", "--deep").expect(naming: "all as published")
      #expect(!scratch.names("staging").contains { !$0.hasSuffix("lock") })
      // A shard as it lies in a run is such a file, too.
      scratch.buffer = scratch.folder + "/shard"
      try scratch.run("rollbook", ["import", scratch.buffer, "\(run)/\(scratch.rolloutShard(0))"])
        .expect(naming: "no scores", "32 rollouts")
    }

    @Test func selections() throws {
      try scratch.prepare()
      let all = try export(scratch.buffer).split(separator: "\n")
      let some = try export(scratch.buffer, "--where", "sample = 1").split(separator: "\n")
      #expect(all.count == 32 && some.count == 8 && Set(some).isSubset(of: Set(all)))
      try scratch.run("rollbook", ["export", scratch.buffer, "jsonl", "--where", "nonsense ="]).expect(64)
      let path = scratch.folder + "/f.arrow"
      try scratch.run("rollbook", ["export", scratch.buffer, "arrow", "--scores", "none", "-o", path]).expect(69)
      try scratch.run("rollbook", ["export", scratch.buffer, "arrow"]).expect(64, naming: "--output")
      #expect(!FileManager.default.fileExists(atPath: path))
      #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.folder).allSatisfy { !$0.hasSuffix("tmp") })
      try scratch.run("rollbook", ["export", scratch.folder + "/no", "jsonl"]).expect(69)
    }

    // MARK: other people's files

    @Test func completionsBecomeGroups() throws {
      let file = try scratch.file(
        "c.jsonl",
        """
        {"prompt":"3 1 2","response":"1 2 3","reward":1,"answer":"1 2 3","task":"sort"}
        {"prompt":"3 1 2","response":"1 2","reward":0.5,"finish_reason":"length"}
        {"prompt":[{"role":"user","content":"9 8"}],"response":"8 9<|eos|>","reward":null}
        """)
      try take([file], "--step", "4").expect(naming: "3 rollouts in 1 shard of step 4", "'imported'")
      let rows = try scratch.rollouts(4)
      #expect(rows.map(\.group) == [0, 0, 1] && rows.map(\.sample) == [0, 1, 0])
      #expect(rows.allSatisfy { $0.kind == "sample" && $0.policy.isEmpty && $0.logprobs == nil })
      #expect(rows.map(\.finishReason) == [.stop, .length, .stop] && rows[2].responseText == "8 9")
      let ends = rows.map { $0.responseTokens.last }
      #expect(ends[0] == ends[2] && ends[0] != ends[1], "an end token after what ended by itself")
      #expect(rows[2].promptText == "<|bos|><|user|>9 8<|assistant|>" && rows[2].messages != nil)
      #expect(try scratch.scores(4, set: "imported").map(\.reward) == [1, 0.5, nil])
      // Groups of another file go on behind, in the next part; and the run knows its tokenizer.
      let more = try scratch.file("d.jsonl", #"{"prompt":"3 1 2","response":"2 1","reward":0}"# + "\n")
      try scratch.rollbook("import", more, "--step", "4").expect()
      #expect(try scratch.rollouts(4, 1).map(\.group) == [2])
      #expect(try scratch.rollbook("ls", "--json").expect().json()["steps"]?[0]?["rollouts"]?.int == 4)
      try scratch.rollbook("verify", "--deep").expect(naming: "all as published")
    }

    @Test func everyFormat() throws {
      let lines = [
        "trl": #"{"step":3,"prompt":"2 1","completion":"1 2","a":1,"b":0.5,"advantage":0.1}"#,
        "verl": #"{"input":"2 1","output":"1 2","gts":"1 2","score":1.5,"step":3,"acc":true}"#,
        "openrlhf": #"{"input":"2 1","output":"1 2","reward":1.5}"#,
        "prime-rl":
          #"{"example_id":1,"prompt":"2 1","completion":"1 2","reward":1.5,"metrics":{}}"#,
        "preferences": #"{"prompt":"2 1","chosen":"1 2","rejected":"2","score_chosen":1.5}"#,
        "demonstrations": #"{"prompt":"2 1","completion":"1 2"}"#,
        "messages": #"{"messages":[{"role":"user","content":"2 1"},{"role":"assistant","content":"1 2"}]}"#,
        "text": #"{"text":"1 2"}"#,
      ]
      for (name, line) in lines {
        scratch.buffer = "\(scratch.folder)/\(name)"
        let file = try scratch.file("\(name).jsonl", line + "\n")
        let report = try take([file], "--json").expect().json()
        let step = name == "trl" || name == "verl" ? 3 : 0
        #expect(report["files"]?[0]?["format"]?.string == name && report["files"]?[0]?["steps"] == [.int(step)])
        let rows = try scratch.rollouts(step)
        #expect(rows[0].responseText == "1 2" && rows[0].responseTokens.count == 3, "\(name)")
        let isScored = ["demonstrations", "messages", "text"].contains(name) == false
        #expect(report["scored"]?.int == (isScored ? 1 : 0), "\(name)")
        if isScored { #expect(try scratch.scores(step, set: "imported")[0].reward == 1.5, "\(name)") }
        try scratch.rollbook("verify", "--deep").expect(naming: "all as published")
      }
    }

    // MARK: again and again

    @Test func theSameFileIsNoWork() throws {
      let file = try scratch.file("t.jsonl", "{\"text\":\"1 2\"}\n{\"text\":\"3\"}\n")
      try take([file]).expect()
      let before = try scratch.digests()
      try take([file]).expect(naming: "already imported", "2 rollouts")
      let moved = try scratch.file("u.jsonl", "{\"text\":\"1 2\"}\n{\"text\":\"3\"}\n")
      #expect(try take([moved, file], "--json").expect().json()["made"]?.int == 0)
      #expect(try scratch.digests() == before)
      // Other flags make it another import, of other ids.
      try take([file], "--step", "1").expect()
      #expect(Set(try scratch.rollouts(0).map(\.id)).isDisjoint(with: try scratch.rollouts(1).map(\.id)))
      // An export of what is here already is refused line by line.
      let lines = try scratch.file("v.jsonl", try export(scratch.buffer, "--where", "step = 0"))
      try scratch.rollbook("import", lines).expect(65, naming: "v.jsonl:1", "not stored yet")
    }

    /// Killed between shard and manifest: the next run completes it.
    @Test func aKilledImportIsCompleted() throws {
      let file = try scratch.file("c.jsonl", #"{"prompt":"2 1","response":"1 2","reward":1}"# + "\n")
      try take([file]).expect()
      let before = try scratch.results()
      let manifest = scratch.rolloutShard(0).replacing(".arrow", with: ".json")
      let scores = "shards/scores/\(Buffer.shardName(step: 0, part: 0, set: "imported"))"
      for lost in [[manifest], [scores.replacing(".arrow", with: ".json"), scores], [manifest, scores]] {
        for name in lost { try? FileManager.default.removeItem(atPath: scratch.path(name)) }
        try take([file]).expect(naming: "1 rollouts in 1 shard")
        #expect(try scratch.results() == before)
        try scratch.rollbook("verify", "--deep").expect(naming: "all as published")
      }
    }

    /// Killed anywhere: the next run's shards are those of an undisturbed one.
    @Test func killedAnywhere() throws {
      let lines = (0..<9000).map { #"{"prompt":"\#($0 / 2) 1","response":"1","reward":\#($0 % 7)}"# }
      let file = try scratch.file("many.jsonl", lines.joined(separator: "\n"))
      try take([file]).expect(naming: "9000 rollouts in 2 shards")
      let whole = try scratch.results()
      for (number, name) in ["staging", "shards/rollouts"].enumerated() {
        scratch.buffer = "\(scratch.folder)/killed-\(number)"
        let arguments = ["import", scratch.buffer, file, "--model", Scratch.example]
        let running = try scratch.start("rollbook", arguments)
        running.poll { scratch.names(name).contains { $0.hasSuffix(".arrow") } }
        running.send(SIGKILL)
        _ = running.wait()
        try take([file]).expect(naming: "9000 rollouts in 2 shards")
        #expect(try scratch.results() == whole, "\(name)")
        // A manifest that was just being written has a name of its own at every attempt.
        let left = scratch.names("staging").filter { !$0.hasSuffix("lock") && !$0.hasSuffix(".tmp") }
        #expect(left.isEmpty, "\(left)")
        try scratch.rollbook("verify", "--deep").expect(naming: "all as published")
      }
    }

    @Test func severalAtOnce() throws {
      let files = try (0..<4).map { number in
        try scratch.file("\(number).jsonl", (0..<50).map { #"{"text":"\#(number) \#($0)"}"# }.joined(separator: "\n"))
      }
      let running = try files.map {
        try scratch.start("rollbook", ["import", scratch.buffer, $0, "--model", Scratch.example])
      }
      for run in running { run.wait().expect(naming: "50 rollouts") }
      let rows = try (0..<4).flatMap { try scratch.rollouts(0, $0) }
      #expect(Set(rows.map(\.group)) == Set(0..<200) && Set(rows.map(\.id)).count == 200)
      try scratch.rollbook("verify", "--deep").expect(naming: "all as published")
    }

    // MARK: what is bad

    @Test func badLines() throws {
      let good = #"{"prompt":"2 1","response":"1 2","reward":1}"#
      let bad = [
        ("{", "expected"), (#"{"prompt":"a","response":"b","reward":NaN}"#, "NaN and Infinity are no JSON"),
        (#"{"prompt":"a","response":"b","reward":1e999}"#, "range of a double"), ("[]", "a JSON object"),
        (#"{"prompt":"a"}"#, "\"response\" or \"completion\""), ("\u{0}\(good)", "byte 0x00"),
        (#"{"prompt":"a","response":"b","reward":1,"id":"x\u0000"}"#, "control characters"),
      ]
      for (line, words) in bad {
        let file = try scratch.file("bad.jsonl", "\(good)\n\n\(line)\n\(good)\n")
        try take([file]).expect(65, naming: "bad.jsonl:3", words)
        #expect(
          scratch.names("shards/rollouts").isEmpty && scratch.names("staging").allSatisfy { $0.hasSuffix("lock") })
      }
      let file = try scratch.file("bad.jsonl", ([good] + bad.map(\.0) + [good]).joined(separator: "\r\n"))
      var bytes = Array("\u{FEFF}".utf8) + (try text(file))
      bytes += Array("\n{\"prompt\":\"".utf8) + [0xFF] + Array("\"}".utf8)
      try Data(bytes).write(to: URL(fileURLWithPath: file))
      try take([file]).expect(65, naming: "bad.jsonl:2")
      let report = try take([file], "--skip-bad", "--json").expect(naming: "skipped: ").json()
      #expect(report["rollouts"]?.int == 2 && report["skipped"]?.int == bad.count + 1)
      #expect(report["files"]?[0]?["reasons"]?.array?.count == 5)
      #expect(try scratch.manifest(scratch.rolloutShard(0).replacing(".arrow", with: ".json")).summary["skipped"] == 8)
      try scratch.rollbook("verify", "--deep").expect(naming: "all as published")
    }

    @Test func filesWithoutRows() throws {
      for (name, text) in [("empty", ""), ("blank", "\n \r\n\u{FEFF}"), ("prose", "once upon a time\n")] {
        let file = try scratch.file("\(name).jsonl", text)
        try take([file]).expect(65, naming: name)
        try take([file], "--skip-bad").expect(65, naming: "expected a row")
      }
      let good = try scratch.file("good.jsonl", "{\"text\":\"1\"}")
      try take([try scratch.file("empty.jsonl", ""), good], "--skip-bad").expect(
        naming: "nothing to import", "1 rollouts")
      try take([scratch.folder + "/none"]).expect(69)
      try take([good], "--as", "nonsense").expect(64, naming: "completions")
      try take([good], "--scores", "a/b").expect(64)
      try take([good], "--step=-1").expect(64)
      try scratch.run("rollbook", ["import", scratch.folder + "/other", good]).expect(69, naming: "--model")
    }

    @Test func idsAndTokenizers() throws {
      let twice = try scratch.file(
        "i.jsonl",
        """
        {"prompt":"1","response":"1","reward":0,"id":"a"}
        {"prompt":"2","response":"1","reward":0,"id":"a"}
        """)
      try take([twice]).expect(65, naming: "i.jsonl:2", "that of line 1")
      let text = try scratch.file("t.jsonl", "{\"text\":\"1\"}\n{\"text\":\"2\"}")
      try take([text]).expect()
      let lines = try export(scratch.buffer)
      scratch.buffer += "-copy"
      let first = lines.split(separator: "\n")[0]
      let doubled = try scratch.file("d.jsonl", lines + first + "\n")
      try scratch.rollbook("import", doubled).expect(65, naming: "d.jsonl:3", "ids to differ")
      try scratch.rollbook("import", doubled, "--step", "1").expect(64, naming: "steps of their own")
      try scratch.rollbook("import", doubled, "--skip-bad").expect(naming: "2 rollouts")
      let other = lines.replacing("xxh3-128:", with: "xxh3-128:00")
      try scratch.rollbook("import", try scratch.file("o.jsonl", other)).expect(
        65, naming: "rollbook.json", "tokenizer")
    }

    /// One group is larger than a shard; lines are long; nothing of it is kept in one piece.
    @Test func manyRows() throws {
      let line = #"{"prompt":"2 1","response":"1","reward":0}"# + "\n"
      let long = #"{"text":"\#(String(repeating: "1 2 3 ", count: 1 << 19))"}"# + "\n"
      try take([try scratch.file("many.jsonl", String(repeating: line, count: 9000))])
        .expect(naming: "9000 rollouts in 2 shards")
      #expect(try scratch.rollouts(0).count == 8192 && scratch.rollouts(0, 1).map(\.sample).first == 8192)
      try take([try scratch.file("long.jsonl", long + long)], "--step", "1").expect()
      #expect(try scratch.rollouts(1)[1].responseText.utf8.count == 3 << 20)
      try scratch.rollbook("verify", "--deep").expect(naming: "all as published")
    }
  }
}
