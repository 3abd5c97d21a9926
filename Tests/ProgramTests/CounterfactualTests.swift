import Formats
import Foundation
import Testing

extension ProgramTests {
  /// `rollbook rerun --with`, and manifests that are not to be trusted.
  @Suite struct CounterfactualTests {
    let scratch: Scratch

    init() throws {
      scratch = try Scratch(inMemory: true)
      try scratch.prepare()
    }

    private func rerun(_ arguments: String...) throws -> Outcome {
      try scratch.run("rollbook", ["rerun", scratch.buffer] + arguments, environment: ["TMPDIR": scratch.folder])
    }

    private func metric(_ json: JSON, _ name: String) -> JSON? {
      json["actions"]?[0]?["metrics"]?.array?.first { $0["name"]?.string == name }
    }

    /// What would have come out is what comes out when it is done.
    @Test func trainingWithAnotherLoss() throws {
      let start = try scratch.copy("start")
      try scratch.train(0, "--on-policy", "--kl", "0.02", "--reference", "start").expect()
      let before = try scratch.digests()
      let kept = scratch.folder + "/kept"
      let json = try rerun(
        "step-000001", "--with", "loss=dapo", "--with", "lr=2e-6", "--with", "kl=0", "--keep", kept, "--json"
      ).expect().json()
      #expect(json["actions"]?[0]?["with"] == .string("recipe=dapo lr=2e-6 kl=0") && json["ok"] == .bool(true))
      #expect(metric(json, "learning_rate")?["rerun"]?.double.map { abs($0 - 2e-6) < 1e-9 } == true)
      #expect(metric(json, "reward_mean")?["ratio"] == .double(1), "the same rollouts")
      #expect(metric(json, "loss")?["stored"] == JSON.double(try scratch.checkpointManifest(1).summary["loss"] ?? .nan))
      let causes = json["actions"]?[0]?["causes"]?.array ?? []
      #expect(causes.contains { $0["what"] == .string("parameter lr") && $0["stored"] == .string("0.003") })
      #expect(try scratch.digests() == before)
      try scratch.run("rollbook", ["verify", kept, "--deep"]).expect()

      scratch.buffer = start
      try scratch.run(
        "rollbook-train",
        [
          "--buffer", start, "--step", "0", "--seed", "1", "--on-policy", "--reference", "start", "--recipe", "dapo",
          "--lr", "2e-6", "--kl", "0",
        ]
      ).expect()
      for name in ["model.safetensors", "optimizer.safetensors"] {
        #expect(
          try Digest.file("\(kept)/checkpoints/step-000001/\(name)")
            == Digest.file(scratch.path("checkpoints/step-000001/\(name)")))
      }
    }

    @Test func tables() throws {
      try scratch.train(0, "--on-policy").expect()
      try rerun("step-000001", "--with", "lr=1e-4", "--with", "epochs=2").expect(
        naming: "train step 0 with lr=1e-4 epochs=2", "metric", "stored", "rerun", "ratio", "grad_norm", "entropy_mean",
        "clip_fraction_low", "response_length_mean", "parameter lr: 0.003 → 0.0001", "parameter epochs: 1 → 2")
      try rerun("0/rollouts", "--with", "temperature=0.1").expect(
        naming: "generate step 0 part 0 with temperature=0.1", "same_responses", "logprob_mean", "response_length_mean",
        "parameter temperature: 1.0 → 0.1")
      try rerun("0/scores/main", "--with", "reward=sort-positions=3").expect(
        naming: "score step 0 set main with reward=sort-positions=3", "reward_mean", "component.sort-positions",
        "× 3.0", "parameter reward.1: sort-neighbours version 1 × 1.0 → none")
      // A flag is left out, and one without a value.
      try rerun("step-000001", "--with", "on-policy=").expect(naming: "with on-policy=")
      try rerun("step-000001", "--with", "fresh-optimizer").expect(naming: "with fresh-optimizer")
    }

    /// Scores that were made after the step can be what it might have learned from.
    @Test func laterScores() throws {
      try scratch.train(0, "--on-policy").expect()
      try scratch.run(
        "rollbook-score",
        ["--buffer", scratch.buffer, "--step", "0", "--scores", "later", "--reward", "sort-neighbours=9"]
      ).expect()
      let json = try rerun("step-000001", "--with", "scores=later", "--json").expect().json()
      let mean = metric(json, "reward_mean")
      #expect((mean?["rerun"]?.double ?? 0) > (mean?["stored"]?.double ?? .infinity), "\(json)")
    }

    @Test func whatCannotBeChanged() throws {
      try scratch.train(0, "--on-policy").expect()
      for text in ["step=3", "--buffer=x", "=1", "", "a b=1", "--", "num-shards=2"] {
        try rerun("step-000001", "--with=\(text)").expect(64, naming: "--with")
      }
      try rerun("0/scores/main", "--with", "scores=other").expect(64, naming: "--with scores")
      try rerun("step-000001", "--with", "no-such=1").expect(64, naming: "no-such")
      try rerun("step-000001", "--with", "lr=much").expect(64, naming: "much")
      try rerun("--all", "--with", "seed=2").expect(64, naming: "one stage")
      try rerun("--all", "--keep", scratch.folder + "/kept").expect(64, naming: "one action")
      try rerun("latest", "--keep", scratch.folder).expect(64, naming: "there already")
      try rerun("latest", "--threads", "0").expect(64, naming: "--threads")
      let left = try FileManager.default.contentsOfDirectory(atPath: scratch.folder)
      #expect(left.allSatisfy { $0 == "run" || $0.hasPrefix("output-") }, "\(left)")
    }

    private func edit(_ change: (inout Manifest) -> Void) throws {
      let relative = scratch.rolloutShard(0).replacing(".arrow", with: ".json")
      var manifest = try scratch.manifest(relative)
      change(&manifest)
      try manifest.serialized().write(toFile: scratch.path(relative), atomically: false, encoding: .utf8)
    }

    @Test func manifestsThatDoNotSayOrSayTooMuch() throws {
      try edit { $0.action.command = nil }
      try rerun("0/rollouts").expect(69, naming: "older Rollbook")
      for program in ["rollbook-../../bin/sh", "/bin/sh", "rollbook", "rollbook-bench", "", "rollbook-score\u{0}"] {
        try edit { $0.action.command = [program, "-c", "touch /"] }
        try rerun("0/rollouts").expect(65, naming: "only the stages")
      }
      try edit { $0.action.command = [] }
      try rerun("0/rollouts").expect(69)
      try edit { $0.action.stage = "import" }
      try rerun("0/rollouts").expect(64, naming: "no stage")
      try rerun("--all").expect(naming: "2 identical")
    }

    /// A command that names another buffer still runs in one of its own.
    @Test func whereTheResultGoesIsOurs() throws {
      let victim = try scratch.copy("victim")
      let command = try #require(
        try scratch.manifest(scratch.rolloutShard(0).replacing(".arrow", with: ".json")).action.command)
      #expect(command.first == "rollbook-generate" && !command.contains("--buffer"), "\(command)")
      try edit {
        $0.action.command =
          command + ["--buffer", victim, "--step=0", "--buffer=\(victim)", "--threads", "1", "--json"]
      }
      let before = try scratch.digests()
      try rerun("0/rollouts").expect(naming: "identical")
      #expect(try scratch.digests() == before)
      scratch.buffer = victim
      #expect(scratch.names("shards/rollouts").count == 2)
    }

    @Test func hostileTexts() throws {
      let evil = "\u{1B}]0;title\u{7}\u{1B}[31mred\n\u{202E}"
      try edit {
        $0.action.parameters["evil" + evil] = evil
        $0.action.kernels = evil
        $0.action.host = evil
        $0.action.code.commit = evil
        $0.action.command?.append(contentsOf: ["--stop", evil])
        $0.inputs.append(Manifest.Input(role: evil, name: "/" + evil, digest: evil))
        $0.summary[evil] = 1
        $0.digest = evil
      }
      for arguments in [
        ["0/rollouts"], ["0/rollouts", "--anyway"], ["0/rollouts", "--anyway", "--json"],
        ["0/rollouts", "--anyway", "--with", "top-k=3"], ["--all"],
      ] {
        let outcome = try scratch.run(
          "rollbook", ["rerun", scratch.buffer] + arguments, environment: ["TMPDIR": scratch.folder])
        for scalar in ["\u{1B}", "\u{7}", "\u{202E}"] {
          #expect(!(outcome.output + outcome.errors).contains(scalar), "\(arguments): \(outcome)")
        }
      }
    }
  }
}
