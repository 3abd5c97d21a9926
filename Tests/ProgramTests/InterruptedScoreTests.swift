import Formats
import Foundation
import Testing

extension ProgramTests {
  /// Programs and servers that are stopped half-way: what is stored is not asked for again.
  @Suite struct InterruptedScoreTests {
    let scratch: Scratch
    private static let rows = 160
    /// Rows that are stored before the first that hangs.
    private static let kept = 64

    init() throws {
      scratch = try Scratch()
      try scratch.initialise()
      try scratch.generate(0, "--prompts-per-step", "40").expect()
    }

    private func start(_ spec: String, _ flags: String...) throws -> Running {
      let arguments = ["--buffer", scratch.buffer, "--step", "0", "--reward", spec, "--quiet"]
      return try scratch.start("rollbook-score", arguments + flags, environment: ["no_proxy": "*"])
    }

    /// The ids that a file of requests has, in order.
    private var seen: [String] {
      ((try? String(contentsOfFile: scratch.folder + "/seen", encoding: .utf8)) ?? "").split(separator: "\n")
        .map(String.init)
    }

    /// Notes its process and each row; hangs at the hundredth unless there is a file `go`.
    private func judge() throws -> String {
      try scratch.file(
        "judge.py",
        """
        import json, os, sys, time
        open("process", "w").write(str(os.getpid()))
        for n, line in enumerate(sys.stdin):
            row = json.loads(line)
            with open("seen", "a") as file: file.write(row["id"] + "\\n")
            if n == 99 and not os.path.exists("go"): time.sleep(1000)
            print(json.dumps({"id": row["id"], "reward": n}), flush=True)
        """)
    }

    private func stopped(_ spec: String) throws {
      let running = try start(spec)
      running.poll { seen.count >= 100 }
      running.send(SIGTERM)
      running.wait().expect(75, naming: "SIGTERM", "run the same command again")
      let process = try String(contentsOfFile: scratch.folder + "/process", encoding: .utf8)
      #expect(kill(try #require(Int32(process)), 0) != 0, "nothing is left running")
      #expect(scratch.names("shards/scores").isEmpty)
      _ = try scratch.file("go", "")
      try FileManager.default.removeItem(atPath: scratch.folder + "/seen")
    }

    @Test func storedRowsAreNotAskedAgain() throws {
      let spec = "command:run=python3 \(try judge()),workers=1,window=4"
      try stopped(spec)
      try start(spec).wait().expect()
      let ids = try scratch.rollouts(0).map { "\($0.id)" }
      #expect(seen == Array(ids[Self.kept...]))
      #expect(try scratch.scores(0).map(\.reward) == (0..<Self.rows).map { Double($0 < Self.kept ? $0 : $0 - Self.kept) })
      try scratch.rollbook("verify", "--deep").expect()
    }

    @Test func statefulProgramsAreNotGoneOnWith() throws {
      let spec = "command:run=python3 \(try judge()),window=4,stateful=true"
      try stopped(spec)
      try start(spec).wait().expect(64, naming: "64 of 160 scores are kept", "--restart")
      #expect(seen.isEmpty)
      try start(spec, "--shards", "0/2").wait().expect(64, naming: "all rows of the step")
      try start(spec, "--restart").wait().expect()
      #expect(try scratch.scores(0).map(\.reward) == (0..<Self.rows).map(Double.init))
      try start(spec, "--restart").wait().expect()
      #expect(seen.count == Self.rows, "what is published is never asked again")
      try scratch.rollbook("rerun", "0/scores/main").expect(64, naming: "remembers what it has scored")
      #expect(seen.count == Self.rows)
    }

    @Test func statefulProgramsMayNotCrash() throws {
      let program = try scratch.file("crash.py", "import os, sys\nsys.stdin.readline()\nos._exit(1)\n")
      try start("command:run=python3 \(program),stateful=true").wait()
        .expect(74, naming: "exit code 1", "cannot go on in a new process")
    }

    @Test func serversAreNotAskedAgain() throws {
      let server = try PythonServer(
        scratch,
        """
        import time
        if count >= 2 and not os.path.exists("go"): time.sleep(1000)
        return 200, {"rewards": [item["sample"] for item in body["items"]]}, {}
        """)
      let spec = "remote:url=\(server.url)/get_reward,convention=rollbook,batch=32,concurrency=1"
      let running = try start(spec)
      running.poll { server.requests.count >= 3 }
      running.send(SIGTERM)
      running.wait().expect(75, naming: "SIGTERM")
      let before = server.requests.count
      _ = try scratch.file("go", "")
      try start(spec).wait().expect()
      #expect(try server.requests[before...].reduce(0) { try $0 + (JSON.parse($1)["items"]?.array?.count ?? 0) } == 96)
      #expect(try scratch.scores(0).allSatisfy { $0.reward == Double($0.sample) })
    }
  }
}
