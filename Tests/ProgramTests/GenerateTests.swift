import Formats
import Foundation
import Testing

extension ProgramTests {
  /// What `rollbook-generate` makes of its flags and prompts.
  @Suite struct GenerateTests {
    let scratch: Scratch

    init() throws {
      scratch = try Scratch()
      try scratch.initialise()
    }

    private func prompts(_ lines: String...) throws -> String {
      try scratch.file("prompts.jsonl", lines.joined(separator: "\n") + "\n")
    }

    @Test func badPromptLine() throws {
      let lines = [
        ("not json", "expected a value"), (#"{"id":"b","prompt":"1"#, "prompts.jsonl:2"), (#"{"prompt":"1 2"}"#, "id"),
        (#"{"id":"a","prompt":"1 2"}"#, "line 1"), (#"{"id":"b"}"#, "neither"), (#"{"id":7,"prompt":"1"}"#, "string"),
        (#"{"id":"b","prompt":"1","messages":[{"role":"user","content":"1"}]}"#, "both"),
        (#"{"id":"b","prompt":[1]}"#, "array"), (#"{"id":"b","messages":"1 2"}"#, "messages"),
        (#"{"id":"b","messages":[{"role":"user"}]}"#, "content"), (#"{"id":"b","prompt":"1","answer":{}}"#, "answer"),
        ("[1,2]", "object"), ("\"text\"", "object"),
      ]
      let before = try scratch.digests()
      for (line, word) in lines {
        let path = try prompts(#"{"id":"a","prompt":"3 1 2"}"#, line)
        try scratch.run("rollbook-generate", scratch.generateArguments(0, ["--prompts", path]))
          .expect(65, naming: "\(path):2", word)
      }
      #expect(try scratch.digests() == before)
    }

    @Test func promptThatDoesNotFit() throws {
      let long = #"{"id":"b","prompt":"\#((0..<200).map { "\($0 % 10)" }.joined(separator: " "))"}"#
      let path = try prompts(#"{"id":"a","prompt":"3 1 2"}"#, "", long)
      let whole = ["--prompts", path, "--prompts-per-step", "2"]
      try scratch.run("rollbook-generate", scratch.generateArguments(0, whole)).expect(65, naming: "\(path):3", "201")
      #expect(scratch.names("shards/rollouts").isEmpty)
    }

    @Test func emptyPromptFile() throws {
      let path = try prompts("", "  ")
      try scratch.run("rollbook-generate", scratch.generateArguments(0, ["--prompts", path]))
        .expect(65, naming: path)
    }

    @Test func missingFiles() throws {
      try scratch.run("rollbook-generate", scratch.generateArguments(0, ["--prompts", "nowhere.jsonl"]))
        .expect(69, naming: "nowhere.jsonl")
      try scratch.generate(0, "--model", "nowhere.gguf").expect(69, naming: "nowhere.gguf")
      try scratch.generate(0, "--model", "step:7").expect(69, naming: "step-000007")
      scratch.buffer += "-other"
      try scratch.generate(0).expect(69, naming: "latest")
    }

    @Test func wrongFlag() throws {
      let flags = [
        ["--group-size", "0"], ["--group-size", "-1"], ["--group-size", "four"], ["--max-new-tokens", "0"],
        ["--temperature", "-1"], ["--temperature", "nan"], ["--temperature", "inf"], ["--top-p", "0"],
        ["--top-p", "1.5"], ["--top-k", "-1"], ["--min-p", "2"], ["--sequences", "0"], ["--stop", ""],
        ["--groups-per-shard", "0"], ["--prompts-per-step", "0"], ["--prompts-per-step", "2001"],
        ["--prompts-per-step", "9223372036854775807"], ["--shard-index", "1"], ["--num-shards", "0"], ["--step", "-1"],
        ["--step", "9223372036854775808"], ["--seed", "-1"], ["--threads", "0"], ["--model", "step:x"],
        ["--buffer", ""], ["--nonsense"],
      ]
      let before = try scratch.digests()
      for flag in flags {
        try scratch.run("rollbook-generate", scratch.generateArguments(0, flag))
          .expect(64, naming: flag[0] == "--model" ? "step:N" : flag[0])
      }
      #expect(try scratch.digests() == before)
    }

    @Test func moreTokensThanTheModelHasPositions() throws {
      for count in ["128", "1000000"] {
        let outcome = try scratch.generate(0, "--max-new-tokens", count)
        #expect([64, 65].contains(outcome.code) && !outcome.wasKilled, "\(outcome)")
        #expect(outcome.errors.contains("max-new-tokens"), "\(outcome)")
      }
      try scratch.generate(0, "--max-new-tokens", "100").expect()
    }

    @Test func countsAndLengths() throws {
      try scratch.generate(0, "--prompts-per-step", "5", "--group-size", "3", "--max-new-tokens", "6").expect()
      let rollouts = try scratch.rollouts(0)
      #expect(rollouts.count == 15)
      #expect(rollouts.map(\.group) == (0..<15).map { $0 / 3 })
      #expect(rollouts.map(\.sample) == (0..<15).map { $0 % 3 })
      for rollout in rollouts {
        #expect((1...6).contains(rollout.responseTokens.count))
        #expect(rollout.logprobs?.count == rollout.responseTokens.count)
        #expect(rollout.logprobs?.allSatisfy { $0 <= 0 && $0.isFinite } == true)
        switch rollout.finishReason {
        case .length: #expect(rollout.responseTokens.count == 6)
        case .stop: #expect(rollout.responseTokens.last == 1, "the end token belongs to the response")
        case .stopString: Issue.record("no stop text was given")
        }
      }
    }

    @Test func stopTexts() throws {
      let flags = ["--stop", "7", "--stop", " 3", "--max-new-tokens", "32", "--prompts-per-step", "32"]
      try scratch.run("rollbook-generate", scratch.generateArguments(0, flags)).expect()
      let rollouts = try scratch.rollouts(0)
      #expect(rollouts.contains { $0.finishReason == .stopString && $0.responseText.hasSuffix("7") })
      #expect(rollouts.contains { $0.finishReason == .stopString && $0.responseText.hasSuffix(" 3") })
      for rollout in rollouts {
        let text = rollout.responseText
        let stopped = text.hasSuffix("7") || text.hasSuffix(" 3")
        #expect((rollout.finishReason == .stopString) == stopped, "\(text)")
        #expect(!text.dropLast().contains("7") && !text.dropLast().contains(" 3"), "\(text)")
      }
    }

    /// At temperature 0 the seed and the number of the sample mean nothing.
    @Test func greedyIsDeterministic() throws {
      try scratch.generate(0, "--temperature", "0").expect()
      try scratch.generate(1, "--temperature", "0", "--prompts-per-step", "16", "--seed", "2").expect()
      let first = try scratch.rollouts(0)
      for group in Dictionary(grouping: first, by: \.group).values {
        #expect(Set(group.map(\.responseTokens)).count == 1)
      }
      scratch.buffer += "-again"
      try scratch.initialise()
      try scratch.generate(0, "--temperature", "0", "--seed", "1", "--sequences", "4").expect()
      #expect(try scratch.rollouts(0).map(\.responseTokens) == first.map(\.responseTokens))
    }

    @Test func batchingChangesNothing() throws {
      try scratch.generate(0, "--sequences", "4").expect()
      let first = try scratch.digests("shards")[String(scratch.rolloutShard(0).dropFirst(7))]
      let exact = try scratch.isBatchInvariant()
      scratch.buffer += "-again"
      try scratch.initialise()
      try scratch.generate(0, "--sequences", "512").expect()
      let second = try scratch.digests("shards")[String(scratch.rolloutShard(0).dropFirst(7))]
      if exact { #expect(first != nil && first == second) }
    }

    /// Less room for keys and values changes nothing but speed; too little says how much it takes.
    @Test func batchTokensBoundMemory() throws {
      let message = try scratch.generate(0, "--max-batch-tokens", "10").expect(64, naming: "--max-batch-tokens 10").errors
      let needed = try #require(message.firstMatch(of: /room for (\d+) tokens/)?.1)
      try scratch.generate(0, "--max-batch-tokens", "\(try #require(Int(needed)) - 1)").expect(64, naming: String(needed))
      try scratch.generate(0, "--max-batch-tokens", String(needed)).expect()
      let small = try scratch.results()
      scratch.buffer += "-large"
      try scratch.initialise()
      try scratch.generate(0).expect()
      if try scratch.isBatchInvariant() { #expect(try scratch.results() == small) }
    }

    @Test func twoWorkersMakeTheShardsOfOne() throws {
      let cut = ["--prompts-per-step", "10", "--groups-per-shard", "2"]
      try scratch.run("rollbook-generate", scratch.generateArguments(0, cut)).expect()
      let alone = try scratch.results().filter { $0.key.hasPrefix("shards/") }
      #expect(alone.count == 5)
      scratch.buffer += "-shared"
      try scratch.initialise()
      let workers = try (0..<2).map { worker in
        try scratch.start(
          "rollbook-generate",
          scratch.generateArguments(0, cut + ["--shard-index", "\(worker)", "--num-shards", "2", "--threads", "1"]))
      }
      for worker in workers { worker.wait().expect() }
      let shared = try scratch.results().filter { $0.key.hasPrefix("shards/") }
      #expect(shared.keys.sorted() == alone.keys.sorted())
      if try scratch.isBatchInvariant() { #expect(shared == alone) }
      try scratch.score(0).expect()
      try scratch.train(0, "--on-policy").expect()
      try scratch.rollbook("verify", "--deep").expect()
    }

    @Test func anUnfinishedStepIsNotUsed() throws {
      try scratch.generate(0, "--groups-per-shard", "4", "--num-shards", "2", "--shard-index", "1").expect()
      try scratch.score(0).expect(69)
      try scratch.train(0).expect(69)
      #expect(scratch.names("checkpoints").count == 1)
    }

    @Test func sameStepWithOtherFlags() throws {
      try scratch.generate(0).expect()
      let before = try scratch.digests()
      for flags in [["--seed", "2"], ["--temperature", "0.5"], ["--group-size", "8"], ["--max-new-tokens", "9"]] {
        try scratch.run("rollbook-generate", scratch.generateArguments(0, flags))
          .expect(64, naming: "made differently", String(flags[0].dropFirst(2)))
      }
      #expect(try scratch.digests() == before)
    }

    /// Every step of a small file takes each prompt at most once, over the end of an epoch too.
    @Test func noStepTakesAPromptTwice() throws {
      let path = try prompts((0..<7).map { #"{"id":"p\#($0)","prompt":"3 1 \#($0)"}"# }.joined(separator: "\n"))
      var seen: Set<String> = []
      for step in 0..<4 {
        let flags = ["--prompts", path, "--prompts-per-step", "3"]
        try scratch.run("rollbook-generate", scratch.generateArguments(step, flags)).expect()
        let ids = Set(try scratch.rollouts(step).map(\.promptID))
        #expect(ids.count == 3, "step \(step): \(ids)")
        if step % 2 == 1 { #expect(seen.isDisjoint(with: ids), "step \(step)") }
        seen = ids
      }
    }

    @Test func jsonIsOneObject() throws {
      let json = try scratch.generate(0, "--json").expect().json()
      #expect(json["stage"]?.string == "generate" && json["made"]?.int == 1 && json["rollouts"]?.int == 32)
      let tokens = try scratch.rollouts(0).reduce(0) { $0 + $1.responseTokens.count }
      #expect(json["response_tokens"]?.double == Double(tokens))
      let quiet = try scratch.generate(1, "--model", "step:0", "--quiet").expect()
      #expect(quiet.output.isEmpty && quiet.errors.isEmpty)
    }
  }
}
