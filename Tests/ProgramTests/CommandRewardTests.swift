import Formats
import Foundation
import TestSupport
import Testing

extension ProgramTests {
  /// Programs as rewards: `command`.
  @Suite struct CommandRewardTests {
    let scratch: Scratch

    init() throws {
      scratch = try Scratch()
      try scratch.initialise()
      try scratch.generate(0).expect()
    }

    /// A judge that does `body` for each `row`, with `n` rows before it, `key` for one row in four, and `say(id, reward)`.
    private func judge(_ body: String, name: String = "judge.py") throws -> String {
      let lines = body.split(separator: "\n", omittingEmptySubsequences: false).map { "    \($0)" }
      return try scratch.file(
        name,
        """
        import json, os, subprocess, sys, time
        def say(id, reward, **more): print(json.dumps({"id": id, "reward": reward, **more}))
        for n, line in enumerate(sys.stdin):
            row = json.loads(line)
            key = row["sample"] == 1
        \(lines.joined(separator: "\n"))
        """)
    }

    private func score(_ spec: String, _ flags: String...) throws -> Outcome {
      try scratch.run("rollbook-score", ["--buffer", scratch.buffer, "--step", "0", "--reward", spec] + flags)
    }

    @Test func exampleJudgesWhatItSays() throws {
      try score("command=python3 \(projectFolder)/examples/judge/judge.py").expect()
      for (rollout, row) in zip(try scratch.rollouts(0), try scratch.scores(0)) {
        let last = rollout.responseText.utf8.split { !(0x30...0x39).contains($0) }.last.map { String(decoding: $0, as: UTF8.self) }
        #expect(row.rollout == rollout.id)
        #expect(row.extracted?.replacing("-", with: "") == last)
        #expect(row.reward == (row.extracted == rollout.answer ? 1 : 0))
      }
    }

    @Test func programsAreToldTheFacts() throws {
      let program = try judge(
        "with open('seen', 'a') as file: file.write(line)\nsay(row['id'], len(row['response']), extracted=row['prompt_id'])")
      try score("command:run=python3 '\(program)',workers=1=0.5").expect()
      let seen = try String(contentsOfFile: scratch.folder + "/seen", encoding: .utf8).split(separator: "\n")
      let rollouts = try scratch.rollouts(0)
      #expect(seen.count == rollouts.count)
      for ((line, rollout), row) in zip(zip(seen, rollouts), try scratch.scores(0)) {
        let facts = try JSON.parse(String(line))
        #expect(facts["id"]?.string == "\(rollout.id)" && facts["step"]?.int == 0)
        #expect(facts["prompt_id"]?.string == rollout.promptID && facts["sample"]?.int == rollout.sample)
        #expect(facts["prompt"]?.string == rollout.promptText && facts["response"]?.string == rollout.responseText)
        #expect(facts["messages"]?[0]?["role"]?.string == "user" && facts["answer"]?.string == rollout.answer)
        #expect(facts["meta"]?["numbers"]?.array != nil)
        #expect(facts["response_length"]?.int == rollout.responseTokens.count)
        #expect(facts["truncated"]?.bool == (rollout.finishReason == .length))
        #expect(row.components == [Double(rollout.responseText.unicodeScalars.count)])
        #expect(row.reward == row.components[0].map { $0 / 2 } && row.extracted == rollout.promptID)
      }
    }

    @Test func anyOrderAnyNumberOfWorkers() throws {
      let program = try judge(
        """
        if n % 4 == 0: held = []
        held.append(row)
        if len(held) == 4:
            for other in reversed(held): say(other["id"], other["response_length"] if other["sample"] else None)
        """)
      try score("command:run=python3 \(program),workers=1; as judge").expect()
      let one = try scratch.scores(0)
      for (rollout, row) in zip(try scratch.rollouts(0), one) {
        #expect(row.reward == (rollout.sample == 0 ? nil : Double(rollout.responseTokens.count)))
      }
      let each = try judge("say(row['id'], row['response_length'] if row['sample'] else None)", name: "each.py")
      try score("command:run=python3 \(each),workers=3,window=2; as judge", "--scores", "three").expect()
      #expect(try scratch.scores(0, set: "three").map(\.reward) == one.map(\.reward))
    }

    @Test(arguments: [
      ("print('hello\\x1b[31m')", "expected one JSON object a line"), ("say(row['id'], float('nan'))", "answer null"),
      ("print(json.dumps({'id': row['id']}))", "expected \"reward\""), ("say(row['id'], True)", "a boolean"),
      ("say(row['id'], '1')", "found a string"), ("print('[1]')", "found an array"), ("say(7, 1)", "expected \"id\""),
      ("say('nobody', 1)", "'nobody', that it was not asked"), ("say(row['id'], 1); say(row['id'], 1)", "answered before"),
      ("say(row['id'], 1, extracted=3)", "to be a string"), ("print('x' * (1 << 21))", "a longer line"),
    ])
    func badAnswers(body: String, message: String) throws {
      let program = try judge(body)
      let outcome = try score("command:run=python3 \(program),workers=1,on-error=null")
      outcome.expect(65, naming: "judge.py, line ", message)
      #expect(!outcome.errors.contains("\u{1B}"))
      #expect(scratch.names("shards/scores").isEmpty)
    }

    @Test func crashes() throws {
      let program = try judge(
        "if key: print('b\\x1b[31moom', file=sys.stderr); sys.stderr.flush(); os._exit(3)\nsay(row['id'], 1)")
      let outcome = try score("command:run=python3 \(program),workers=2")
      outcome.expect(74, naming: "judge.py: boom", "exit code 3", "again when it was asked alone", "last words: boom")
      try score("command:run=python3 \(program),workers=2,on-error=null").expect()
      #expect(try scratch.scores(0).allSatisfy { $0.reward == ($0.sample == 1 ? nil : 1) })
    }

    /// A row that is lost once is asked once more, and only its program's own fault ends it all.
    @Test func crashesOfOnce() throws {
      let program = try judge(
        """
        if key and not os.path.exists(row["id"]):
            open(row["id"], "w").close()
            os._exit(1)
        say(row["id"], 1)
        """)
      try score("command:run=python3 \(program),workers=2").expect()
      #expect(try scratch.scores(0).allSatisfy { $0.reward == 1 })
      let broken = try judge("1 / 0", name: "broken.py")
      try score("command:run=python3 \(broken),on-error=null", "--scores", "broken")
        .expect(74, naming: "the program is at fault", "ZeroDivisionError")
      #expect(!scratch.names("shards/scores").contains { $0.contains("broken") })
    }

    @Test func rowsThatHang() throws {
      let program = try judge(
        """
        if key and not os.path.exists("hung"):
            child = subprocess.Popen(["sleep", "1000"])
            open("hung", "w").write(row["id"] + " " + str(child.pid))
            time.sleep(1000)
        say(row["id"], 1)
        """)
      let outcome = try score("command:run=python3 \(program),workers=1,window=1,timeout=3,on-error=null")
      outcome.expect()
      let hung = try String(contentsOfFile: scratch.folder + "/hung", encoding: .utf8).split(separator: " ")
      #expect(try scratch.scores(0).allSatisfy { $0.reward == ("\($0.rollout)" == hung[0] ? nil : 1) })
      let child = try #require(Int32(hung[1]))
      // Whoever inherits it may not have asked for its end yet.
      let status = try? String(contentsOfFile: "/proc/\(child)/stat", encoding: .utf8)
      #expect(kill(child, 0) != 0 || status?.contains(") Z ") == true, "what the program started ends with it")
      try FileManager.default.removeItem(atPath: scratch.folder + "/hung")
      try score("command:run=python3 \(program),workers=1,window=1,timeout=3", "--scores", "strict")
        .expect(74, naming: "gave no answer in 3.0 s")
    }

    @Test func programsThatAreNotThere() throws {
      try score("command=no-such-program-anywhere").expect(69, naming: "no-such-program-anywhere", "PATH")
      try score("command=./judge.py").expect(69, naming: "./judge.py", "found none")
      _ = try judge("say(row['id'], 1)")
      try score("command=./judge.py").expect(69, naming: "python3 ./judge.py")
      try score("command='python3").expect(64, naming: "to close the quoted part")
      try score("command:workers=2").expect(64, naming: "expected run=")
      try score("command:run=cat,timeout=-1").expect(64, naming: "timeout=-1")
      try score("command:run=cat,stateful=true,workers=2").expect(64, naming: "one process")
      #expect(scratch.names("shards/scores").isEmpty)
    }

    /// The program's content is part of what a set is.
    @Test func changedPrograms() throws {
      let program = try judge("say(row['id'], 1)")
      try score("command=python3 \(program)").expect()
      try score("command=python3 \(program)").expect(naming: "already done")
      _ = try judge("say(row['id'], 2)")
      try score("command=python3 \(program)").expect(64, naming: "made differently", "judge.py=xxh3-128:")
      let pipeline = "command=sh -c \"cat | python3 \(program)\""
      try score(pipeline, "--scores", "pipe").expect()
      #expect(try scratch.scores(0, set: "pipe").allSatisfy { $0.reward == 2 })
    }

    @Test func onlyWhatIsAskedFor() throws {
      let program = try judge("open('seen', 'a').write('x')\nsay(row['id'], 1)")
      try score("command:run=python3 \(program),workers=1", "--where", "sample = 1").expect()
      #expect(scratch.size("../seen") == 8)
      #expect(try scratch.scores(0).allSatisfy { $0.reward == ($0.sample == 1 ? 1 : nil) })
    }
  }
}
