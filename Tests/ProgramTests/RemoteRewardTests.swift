import Formats
import Foundation
import Testing

extension ProgramTests {
  /// Reward servers: `remote`.
  @Suite struct RemoteRewardTests {
    let scratch: Scratch

    init() throws {
      scratch = try Scratch()
      try scratch.initialise()
      try scratch.generate(0).expect()
    }

    private func score(_ spec: String, environment: [String: String] = [:], _ flags: String...) throws -> Outcome {
      try scratch.run(
        "rollbook-score", ["--buffer", scratch.buffer, "--step", "0", "--reward", spec] + flags,
        environment: ["no_proxy": "*"].merging(environment) { $1 })
    }

    @Test func conventionOfOpenRLHF() throws {
      let server = try PythonServer(
        scratch,
        """
        if path != "/get_reward" or sorted(body) != ["labels", "prompts", "query"]: return 404, {}, {}
        return 200, {"rewards": [len(q) - len(p) for q, p in zip(body["query"], body["prompts"])]}, {}
        """)
      try score("remote=\(server.url)/get_reward=0.5").expect()
      let rollouts = try scratch.rollouts(0)
      let lengths = rollouts.map { Double($0.responseText.unicodeScalars.count) }
      #expect(try scratch.scores(0).map(\.components) == lengths.map { [$0] })
      #expect(try scratch.scores(0).map(\.reward) == lengths.map { $0 / 2 })
      let request = try JSON.parse(try #require(server.requests.first))
      #expect(request["query"]?.array?.count == 32)
      #expect(
        request["prompts"]?[0]?.string == rollouts[0].promptText && request["labels"]?[0]?.string == rollouts[0].answer)
      #expect(request["query"]?[0]?.string == rollouts[0].promptText + rollouts[0].responseText)
    }

    @Test func conventionOfOurs() throws {
      let server = try PythonServer(
        scratch,
        """
        items = body["items"]
        return 200, {"rewards": [i["step"] if i["sample"] else None for i in items],
            "extracted": [i["id"] if i["sample"] else None for i in items]}, {}
        """)
      try score("remote:url=\(server.url)/x,convention=rollbook,batch=5,concurrency=3,revision=r1").expect()
      for row in try scratch.scores(0) {
        #expect(
          row.reward == (row.sample == 0 ? nil : 0) && row.extracted == (row.sample == 0 ? nil : "\(row.rollout)"))
      }
      #expect(
        try server.requests.map { try JSON.parse($0)["items"]?.array?.count ?? 0 }.sorted() == [2, 5, 5, 5, 5, 5, 5])
    }

    @Test func passingFaultsAreTriedAgain() throws {
      let server = try PythonServer(
        scratch,
        """
        if count == 0: return 503, {}, {"Retry-After": "0"}
        if count == 1: return 429, "slow down", {}
        return 200, {"scores": [1] * len(body["query"])}, {}
        """)
      try score("remote:url=\(server.url)/,concurrency=1,backoff=0.01").expect()
      #expect(server.requests.count == 3 && Set(server.requests).count == 1)
      #expect(try scratch.scores(0).allSatisfy { $0.reward == 1 })
      let broken = try PythonServer(scratch, "return 500, {\"why\": \"no \\x1b[31mmemory\"}, {}")
      let outcome = try score("remote:url=\(broken.url)/,concurrency=1,retries=2,backoff=0.01", "--scores", "broken")
      outcome.expect(74, naming: broken.url, "status 500", "memory", "the last of 3 times")
      #expect(!outcome.errors.contains("\u{1B}") && broken.requests.count == 3)
    }

    @Test(arguments: [
      ("return 400, {'detail': 'no such thing'}, {}", 74, "status 400: '{\"detail\": \"no such thing\"}'"),
      ("return 401, {}, {}", 74, "token-env"), ("return 307, {}, {'Location': '/other'}", 74, "redirects"),
      ("return 200, {'rewards': [1]}, {}", 65, "expected 32 rewards, one for each response, found 1"),
      ("return 200, {'rewards': [float('nan')] * 32}, {}", 65, "expected a JSON object"),
      ("return 200, {'rewards': ['1'] * 32}, {}", 65, "rewards[0] to be a finite number or null, found a string"),
      ("return 200, {'reward': [1] * 32}, {}", 65, "found the keys reward"), ("return 200, 'hello', {}", 65, "'hello'"),
      ("return 200, [1], {}", 65, "found an array"), ("return 200, 'x' * (17 << 20), {}", 74, "longer than 16777216"),
    ])
    func faults(body: String, code: Int, message: String) throws {
      let server = try PythonServer(scratch, body)
      try score("remote:url=\(server.url)/,backoff=0.01").expect(Int32(code), naming: server.url, message)
      #expect(server.requests.count == 1, "nothing is sent again")
      #expect(scratch.names("shards/scores").isEmpty)
    }

    @Test func tokensAreStoredNowhere() throws {
      let server = try PythonServer(
        scratch,
        """
        if headers.get("authorization") != "Bearer hush-4711": return 403, {}, {}
        return 200, {"rewards": [1] * len(body["query"])}, {}
        """)
      let spec = "remote:url=\(server.url)/,token-env=JUDGE_TOKEN"
      try score(spec).expect(64, naming: "JUDGE_TOKEN")
      try score(spec, environment: ["JUDGE_TOKEN": "other"]).expect(74, naming: "403")
      let outcome = try score(spec, environment: ["JUDGE_TOKEN": "hush-4711"]).expect()
      #expect(!outcome.errors.contains("hush-4711"))
      for name in try scratch.digests().keys {
        let data = try #require(FileManager.default.contents(atPath: "\(scratch.buffer)/\(name)"))
        #expect(data.range(of: Data("hush-4711".utf8)) == nil, "\(name)")
      }
      try score("remote=http://me:secret@127.0.0.1:1/").expect(64, naming: "token-env")
      try score("remote=http://127.0.0.1:1/,retries=x").expect(64, naming: "retries=x")
      try score("remote=ftp://127.0.0.1/").expect(64, naming: "http://")
    }

    @Test func nobodyThere() throws {
      try score("remote:url=http://127.0.0.1:1/,retries=1,backoff=0.01").expect(74, naming: "127.0.0.1:1", "connect")
    }

    @Test func serversThatHang() throws {
      let server = try PythonServer(scratch, "import time\ntime.sleep(1000)")
      try score("remote:url=\(server.url)/,retries=1,timeout=0.5,backoff=0.01")
        .expect(74, naming: "no answer in 0.5 s", "the last of 2")
    }
  }
}
