import Formats
import Foundation
import Testing

extension ProgramTests {
  /// `rollbook rerun`: what is stored, made again and compared.
  @Suite struct RerunTests {
    let scratch: Scratch
    private let temporary: String

    init() throws {
      scratch = try Scratch(inMemory: true)
      temporary = scratch.folder + "/temporary"
      try FileManager.default.createDirectory(atPath: temporary, withIntermediateDirectories: true)
    }

    private func rerun(_ arguments: String..., environment: [String: String] = [:]) throws -> Outcome {
      let outcome = try scratch.run(
        "rollbook", ["rerun", scratch.buffer] + arguments,
        environment: environment.merging(["TMPDIR": temporary]) { $1 })
      let left = try FileManager.default.contentsOfDirectory(atPath: temporary)
      #expect(left.isEmpty, "\(outcome)")
      return outcome
    }

    /// A sorting run, its steps cut into two shards.
    private func prepare(steps: Int = 1, _ flags: String...) throws {
      try scratch.initialise()
      for step in 0..<steps {
        try scratch.run("rollbook-generate", scratch.generateArguments(step, ["--groups-per-shard", "4"] + flags))
          .expect()
        try scratch.score(step).expect()
        try scratch.train(step, "--on-policy", "--kl", "0.02", "--reference", "start").expect()
      }
    }

    private func write(_ manifest: Manifest, _ relative: String) throws {
      try manifest.serialized().write(toFile: scratch.path(relative), atomically: false, encoding: .utf8)
    }

    private let scores = "shards/scores/main-step-000000-part-00000"

    @Test func everyStageTwice() throws {
      try prepare(steps: 2)
      let before = try scratch.digests()
      for _ in 0..<2 {
        let all = try rerun("--all").expect(naming: "9 identical, 0 different")
        for title in ["init step 0", "generate step 1 part 1", "score step 0 set main", "train step 1"] {
          #expect(all.output.contains("\(title): identical"), "\(all)")
        }
      }
      #expect(try scratch.digests() == before, "nothing of the buffer changes, nor is anything added")
    }

    @Test func everyWayToNameOne() throws {
      try prepare(steps: 2)
      for name in [
        "step-000002", "checkpoints/step-000002", scratch.path("checkpoints/step-000002/"), "step:2", "latest",
        "1/train", "1/updates", "shards/updates/step-000001-part-00000.arrow",
      ] {
        let outcome = try rerun(name).expect(
          naming: "train step 1: identical", "checkpoints/step-000002", "shards/updates")
        #expect(!outcome.output.contains("step 0"), "\(outcome)")
      }
      try rerun("1/rollouts").expect(naming: "step 1 part 0: identical", "step 1 part 1: identical", "2 identical")
      try rerun("1/rollouts/1").expect(naming: "generate step 1 part 1: identical")
      try rerun(scores, "0/scores/main").expect(naming: "score step 0 set main: identical")
      try rerun("--step", "1", "--threads", "1").expect(naming: "4 identical", "stored with")
      try rerun("--step", "7").expect(69, naming: "step 7")
      try rerun("step-000009").expect(69, naming: "step-000009")
      try rerun("step-000001-part-00000").expect(64, naming: "shards/rollouts", "shards/updates")
      try rerun().expect(64, naming: "--all")
      try rerun("latest", "--all").expect(64, naming: "one of")
    }

    /// A run whose folder has moved, started with relative paths from elsewhere, with adapters and averages.
    @Test func movedAndRelative() throws {
      try FileManager.default.copyItem(atPath: Scratch.prompts, toPath: scratch.folder + "/prompts.jsonl")
      try scratch.initialise()
      try scratch.run("rollbook-generate", scratch.generateArguments(0, ["--prompts", "prompts.jsonl"])).expect()
      try scratch.score(0).expect()
      try scratch.train(0, "--lora", "4", "--kl", "0.1", "--reference", "base", "--ema", "0.9").expect()
      try FileManager.default.moveItem(atPath: scratch.buffer, toPath: scratch.buffer + "-moved")
      scratch.buffer += "-moved"
      let command = "cd / && exec '\(Programs.path("rollbook"))' rerun '\(scratch.buffer)' --all"
      try scratch.run("/bin/sh", ["-c", command], environment: ["TMPDIR": temporary]).expect(
        naming: "4 identical, 0 different")
    }

    @Test func changedWeight() throws {
      try prepare(steps: 2)
      let weights = "checkpoints/step-000001/model.safetensors"
      // The sign and exponent of a number: bfloat16 would not see its last bits.
      try scratch.flipByte(weights, at: scratch.size(weights) - 2001)
      try rerun("1/rollouts/0").expect(65, naming: "policy", "model.safetensors changed from", "--anyway")
      try rerun("step-000002").expect(65, naming: "policy", "model.safetensors changed from")
      let anyway = try rerun("1/rollouts/0", "--anyway").expect(
        1, naming: "differs", "first: column", "row 0 (1/sort-train-")
      #expect(anyway.output.contains("why: input policy (checkpoints/step-000001): stored xxh3-128:"), "\(anyway)")
      let made = try rerun("step-000001").expect(
        1, naming: "changed after it was published: model.safetensors",
        "1 of 115136 numbers differ, in 1 of 29 tensors",
        "the rerun is what was published")
      #expect(made.output.contains("model.safetensors: first: model."), "\(made)")
      let json = try rerun("step-000001", "--json").expect(1).json()
      let file = json["actions"]?[0]?["outputs"]?[0]?["difference"]?["files"]?[0]
      #expect(
        json["ok"] == .bool(false) && file?["numbers"] == .int(1)
          && file?["tensor"]?.string?.hasPrefix("model.") == true)
      try rerun("--all").expect(1, naming: "3 could not be run")
    }

    @Test func changedPrompts() throws {
      let prompts = scratch.folder + "/prompts.jsonl"
      try FileManager.default.copyItem(atPath: Scratch.prompts, toPath: prompts)
      try prepare(steps: 1, "--prompts", prompts)
      try rerun("0/rollouts").expect()
      let text = try String(contentsOfFile: prompts, encoding: .utf8)
      try text.replacing("Sort", with: "sort").appending("\n").write(
        toFile: prompts, atomically: false, encoding: .utf8)
      try rerun("0/rollouts/1").expect(65, naming: "input prompts (\(prompts))", "stored xxh3-128:")
      let anyway = try rerun("0/rollouts/1", "--anyway").expect(1)
      #expect(anyway.output.contains("why: input prompts (\(prompts)): stored xxh3-128:"), "\(anyway)")
      try FileManager.default.removeItem(atPath: prompts)
      try rerun("0/rollouts/1").expect(69, naming: "input prompts", "nothing at \(prompts)")
      try rerun("step-000001").expect()
    }

    @Test func absentAndChangedShards() throws {
      try prepare()
      let shard = scratch.rolloutShard(0, 1)
      try scratch.flipByte(shard, at: 3000)
      try rerun("0/scores/main").expect(65, naming: "input rollouts", "part-00001")
      try rerun("0/rollouts/1").expect(1, naming: "changed after it was published", "the rerun is what was published")
      try FileManager.default.removeItem(atPath: scratch.path(shard))
      try rerun("step-000001").expect(69, naming: "input rollouts", "nothing at")
      try rerun("0/rollouts/0").expect()
      try FileManager.default.removeItem(atPath: scratch.path("checkpoints/step-000000"))
      try rerun("0/rollouts/0").expect(69, naming: "input policy (checkpoints/step-000000)")
    }

    /// Other code and another library, which only the manifest knows of, are the reasons given.
    @Test func otherLibraryAndCode() throws {
      try prepare()
      let shard = scratch.path(scores + ".arrow")
      let reader = try ScoreShardReader(path: shard)
      var rows = try reader.rows()
      rows[5].reward = (rows[5].reward ?? 0) + 0.25
      let staged = scratch.folder + "/staged.arrow"
      let metadata = reader.metadata.filter { $0.key == "rollbook.action" }
      let writer = try ScoreShardWriter(staging: staged, components: reader.components, metadata: metadata)
      try writer.append(rows)
      try writer.finish()
      try FileManager.default.removeItem(atPath: shard)
      try FileManager.default.moveItem(atPath: staged, toPath: shard)
      var manifest = try scratch.manifest(scores + ".json")
      manifest.digest = try Digest.file(shard)
      manifest.action.code.lz4 = "1.8.0"
      manifest.action.code.commit = "0123abc"
      manifest.action.kernels = "an abacus"
      try write(manifest, scores + ".json")
      let outcome = try rerun(scores).expect(
        1, naming: "first: column reward, row 5 (0/\(rows[5].promptID)/\(rows[5].sample)): stored",
        "columns that differ: reward (1 row, at most 0.25)", "why: commit: stored 0123abc, here none",
        "why: liblz4: stored 1.8.0, here", "why: kernels: stored an abacus, here none")
      #expect(outcome.errors.contains("note: stored by version") && outcome.errors.contains("stored with liblz4 1.8.0"))
    }

    /// The kernels of an older processor, as far as this one can be made to be one.
    @Test func otherKernels() throws {
      try scratch.initialise()
      let older = ["DNNL_MAX_CPU_ISA": "AVX2"]
      try scratch.run("rollbook-generate", scratch.generateArguments(0, ["--precision", "f32"]), environment: older)
        .expect()
      try rerun("0/rollouts", environment: older).expect(naming: "identical")
      let outcome = try rerun("0/rollouts", "--json")
      let result = try outcome.json()["actions"]?[0]
      guard result?["causes"]?[0] != nil else { return }
      #expect(result?["causes"]?[0]?["what"] == .string("kernels"), "\(outcome)")
      #expect(outcome.code == (result?["identical"] == .bool(true) ? 0 : 1))
      let text = try rerun("0/rollouts")
      #expect(
        text.errors.contains("note: stored with the kernels") && text.output.contains("kernels: stored"), "\(text)")
    }

    @Test func interrupted() throws {
      try scratch.prepare("--prompts-per-step", "32", "--group-size", "16", "--max-new-tokens", "16")
      try scratch.train(0, "--on-policy", "--epochs", "20", "--minibatches", "4", "--threads", "1").expect()
      let before = try scratch.digests()
      let running = try scratch.start(
        "rollbook", ["rerun", scratch.buffer, "step-000001", "--keep", temporary + "/kept"],
        environment: ["TMPDIR": temporary])
      running.poll { FileManager.default.fileExists(atPath: temporary + "/kept/rollbook.json") && running.listens }
      running.send(SIGINT)
      running.wait().expect(75, naming: "SIGINT", "nothing is left behind")
      #expect(try FileManager.default.contentsOfDirectory(atPath: temporary).isEmpty)
      #expect(try scratch.digests() == before)
    }

    /// What a step reads besides its own rollouts: another buffer's, other steps', a critic.
    @Test func baselinesMixturesAndCritics() throws {
      try scratch.initialise()
      let greedy = try scratch.copy("greedy")
      let run = scratch.buffer
      scratch.buffer = greedy
      try scratch.run("rollbook-generate", scratch.generateArguments(0, ["--group-size", "1", "--temperature", "0"]))
        .expect()
      try scratch.score(0).expect()
      scratch.buffer = run
      for step in 0..<2 {
        try scratch.generate(step).expect()
        try scratch.score(step).expect()
        let flags = [
          ["--recipe", "remax", "--baseline", "greedy"],
          ["--recipe", "ppo", "--critic-lr", "1e-3", "--mix", "0.5 step = {step}", "--mix", "0.5 step = {step-1}"],
        ]
        try scratch.run("rollbook-train", scratch.trainArguments(step, flags[step])).expect()
      }
      try rerun("--all").expect(naming: "7 identical, 0 different")
      try rerun("1/train", "--with", "recipe=a2c", "--with", "mix=1 step = {step}").expect(naming: "parameter mix")
      let shard = greedy + "/" + scratch.rolloutShard(0)
      let file = try #require(FileHandle(forUpdatingAtPath: shard))
      try file.seek(toOffset: 2000)
      try file.write(contentsOf: Data([0xFF, 0, 0xFF]))
      try file.close()
      try rerun("0/train").expect(65, naming: "input baseline-rollouts (greedy/step-000000-part-00000.arrow)")
      try FileManager.default.removeItem(atPath: shard)
      try rerun("0/train").expect(69, naming: "input baseline-rollouts")
      try rerun("0/train", "--with", "recipe=grpo", "--with", "baseline=").expect(naming: "parameter recipe: remax")
    }

    /// The same of the real model: 2 prompts, 2 samples of each, 8 tokens, one training step.
    @Test(
      .enabled(if: ProcessInfo.processInfo.environment["ROLLBOOK_SMOLLM2"] != nil, "set ROLLBOOK_SMOLLM2 to its GGUF"))
    func theRealModel() throws {
      let model = try #require(ProcessInfo.processInfo.environment["ROLLBOOK_SMOLLM2"])
      let scratch = try Scratch()
      let prompts = Scratch.example + "/../addition/train.jsonl"
      try scratch.run(
        "rollbook-generate",
        [
          "--buffer", scratch.buffer, "--step", "0", "--model", model, "--prompts", prompts, "--prompts-per-step", "2",
          "--group-size", "2", "--max-new-tokens", "8", "--seed", "1",
        ]
      ).expect()
      try scratch.run(
        "rollbook-score", ["--buffer", scratch.buffer, "--step", "0", "--reward", "math=1", "--reward", "format=0.2"]
      ).expect()
      try scratch.run(
        "rollbook-train",
        [
          "--buffer", scratch.buffer, "--step", "0", "--model", model, "--lr", "1e-5", "--on-policy", "--seed", "1",
          "--entropy", "0.01",
        ]
      ).expect()
      // Four short responses may all get one reward: the entropy has a gradient even then.
      #expect((try scratch.checkpointManifest(1).summary["grad_norm"] ?? 0) > 0)
      for _ in 0..<2 {
        try scratch.run("rollbook", ["rerun", scratch.buffer, "--all"], environment: ["TMPDIR": scratch.folder]).expect(
          naming: "generate step 0 part 0: identical", "score step 0 set main: identical", "train step 0: identical")
      }
    }
  }
}
