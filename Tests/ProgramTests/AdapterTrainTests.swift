import Formats
import Foundation
import Testing

extension ProgramTests {
  /// `rollbook-train --lora` and what goes on from its checkpoints.
  @Suite struct AdapterTrainTests {
    let scratch: Scratch

    init() throws {
      scratch = try Scratch()
      try scratch.prepare()
    }

    /// Trains step 0 and makes step 1's scored rollouts from what came of it.
    private func firstStep(_ flags: String...) throws {
      try scratch.run("rollbook-train", scratch.trainArguments(0, ["--on-policy"] + flags)).expect()
      try scratch.generate(1).expect()
      try scratch.score(1).expect()
    }

    @Test func theWholeLoop() throws {
      try firstStep("--lora", "4", "--lora-targets", "q_proj,v_proj,down_proj")
      let names = scratch.names("checkpoints/step-000001")
      #expect(names.contains("adapter_config.json") && names.contains("adapter_model.safetensors"))
      #expect(!names.contains("model.safetensors"))
      let files = try ModelFiles.open(path: scratch.path("checkpoints/step-000001"))
      let adapter = try #require(files.adapter)
      #expect(adapter.configuration.rank == 4 && adapter.configuration.alpha == 8)
      #expect(adapter.configuration.modules == ["q_proj", "v_proj", "down_proj"])
      #expect(adapter.configuration.baseModel == "checkpoints/step-000000")
      let optimizer = try Safetensors(path: scratch.path("checkpoints/step-000001/optimizer.safetensors"))
      #expect(optimizer.tensors.count == 2 * adapter.weights.tensors.count)
      let rollouts = try scratch.rollouts(1)
      #expect(rollouts.allSatisfy { $0.policy == files.weightsDigest && $0.policyStep == 1 })
      // Without flags the adapter goes on; --on-policy holds, and the first ratio is exactly 1.
      try scratch.train(1, "--on-policy").expect()
      if try scratch.isBatchInvariant() {
        #expect(try scratch.checkpointManifest(2).summary["rollout_logp_diff_max"] == 0)
      }
      let next = try ModelFiles.open(path: scratch.path("checkpoints/step-000002"))
      #expect(next.adapter?.baseDigest == adapter.baseDigest && next.weightsDigest != files.weightsDigest)
      #expect(next.adapter?.configuration == adapter.configuration)
      try scratch.train(1, "--on-policy").expect(naming: "already done")
      try scratch.rollbook("verify", "--deep").expect()
      try scratch.rollbook("lineage", "step-000002").expect(naming: "base: checkpoints/step-000000")
    }

    @Test func merging() throws {
      try firstStep("--lora", "3", "--ema", "0.5")
      let checkpoint = scratch.path("checkpoints/step-000001"), merged = scratch.folder + "/merged"
      func merge(_ arguments: String...) throws -> Outcome { try scratch.run("rollbook", ["merge"] + arguments) }
      try merge(checkpoint, "--output", merged).expect(naming: "merged")
      let names = try FileManager.default.contentsOfDirectory(atPath: merged).sorted()
      #expect(names == ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"])
      // The merged model is the policy up to rounding: log-probabilities of its rollouts hardly differ.
      scratch.buffer = try scratch.copy("other")
      let json = try scratch.train(1, "--model", merged, "--json").expect().json()
      #expect(try #require(json["rollout_logp_diff_max"]?.double) < 0.05)
      let before = try scratch.train(1, "--model", "step:0", "--json")
      before.expect(64, naming: "made differently")
      try merge(checkpoint, "--output", merged).expect(64, naming: "is there already")
      try merge(merged, "--output", merged + "2").expect(64, naming: "no adapter")
      try merge(checkpoint + "/ema", "--output", merged + "-ema").expect()
      let a = try Digest.file(merged + "/model.safetensors"), b = try Digest.file(merged + "-ema/model.safetensors")
      #expect(a != b)
      // Moved away, the base is named by the error, and --base finds it.
      let moved = scratch.folder + "/moved"
      try FileManager.default.moveItem(atPath: scratch.path("checkpoints/step-000000"), toPath: moved)
      let lost = scratch.path("checkpoints/step-000001")
      try merge(lost, "--output", merged + "3").expect(69, naming: "checkpoints/step-000000", "--base")
      try scratch.generate(1).expect(69, naming: "step-000000")
      try merge(lost, "--output", merged + "3", "--base", moved).expect()
      #expect(try Digest.file(merged + "3/model.safetensors") == a)
      try merge(lost, "--output", merged + "4", "--base", merged).expect(65, naming: "the weights that")
    }

    @Test func references() throws {
      let flags = ["--on-policy", "--kl", "0.1", "--json"]
      try scratch.run("rollbook-train", scratch.trainArguments(0, flags + ["--reference", "base"]))
        .expect(64, naming: "--reference base", "--lora")
      let first = ["--lora", "4", "--lr", "3e-2", "--reference", "base"]
      try scratch.run("rollbook-train", scratch.trainArguments(0, flags + first)).expect()
      #expect(try scratch.updates(0).allSatisfy { $0.referenceLogprobs == $0.logprobs }, "it changes nothing yet")
      try scratch.generate(1).expect()
      try scratch.score(1).expect()
      let start = scratch.buffer
      var found: [[UpdateRow]] = []
      for reference in ["base", "start", "step:0"] {
        scratch.buffer = start
        scratch.buffer = try scratch.copy("reference-\(found.count)")
        let json = try scratch.run(
          "rollbook-train", scratch.trainArguments(1, flags + ["--reference", reference])
        ).expect().json()
        #expect((json["ref_kl_k3"]?.double ?? 0) > 0)
        found.append(try scratch.updates(1))
      }
      #expect(found[1] == found[0] && found[2] == found[0])
    }

    @Test func flagsThatDoNotFit() throws {
      for flags in [["--lora-alpha", "3"], ["--lora-targets", "q_proj"], ["--lora-dropout", "0.1"]] {
        try scratch.run("rollbook-train", scratch.trainArguments(0, flags)).expect(64, naming: "--lora RANK")
      }
      for flags in [
        ["--lora", "0"], ["--lora", "5000"], ["--lora", "4", "--lora-targets", "lm_head"],
        ["--lora", "4", "--lora-dropout", "1"], ["--lora", "4", "--lora-alpha", "0"],
        ["--lora", "4", "--freeze", "lm_head"]
      ] {
        try scratch.run("rollbook-train", scratch.trainArguments(0, flags)).expect(64, naming: flags[flags.count - 2])
      }
      try firstStep("--lora", "4")
      for flags in [["--lora", "8"], ["--lora-alpha", "4"], ["--lora-targets", "q_proj"]] {
        try scratch.run("rollbook-train", scratch.trainArguments(1, flags)).expect(64, naming: flags[0], "adapter has")
      }
      try scratch.train(1, "--lora", "4", "--lora-dropout", "0.25", "--freeze", "layers.0").expect()
      let config = try JSON.parse(contentsOf: scratch.path("checkpoints/step-000002/adapter_config.json"))
      #expect(config["lora_dropout"]?.double == 0.25)
      let before = try tensor(1, "layers.0.mlp.up_proj.lora_B"), after = try tensor(2, "layers.0.mlp.up_proj.lora_B")
      #expect(before == after && before.contains { $0 != 0 })
      #expect(try tensor(1, "layers.1.mlp.up_proj.lora_B") != tensor(2, "layers.1.mlp.up_proj.lora_B"))
      try scratch.generate(2).expect()
      try scratch.score(2).expect()
      try scratch.train(2).expect(64, naming: "other parameters were trained", "--fresh-optimizer")
    }

    private func tensor(_ step: Int, _ name: String) throws -> [Float] {
      try Safetensors(path: scratch.path("checkpoints/\(Buffer.stepName(step))/adapter_model.safetensors"))
        .read("base_model.model.model.\(name).weight")
    }

    /// A folder that PEFT wrote, or anybody: without config.json or tokenizer, naming what it likes as its model.
    @Test func foldersFromElsewhere() throws {
      try firstStep("--lora", "4", "--lora-targets", "q_proj")
      let folder = scratch.folder + "/peft", checkpoint = scratch.path("checkpoints/step-000001")
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      try FileManager.default.copyItem(
        atPath: checkpoint + "/adapter_model.safetensors", toPath: folder + "/adapter_model.safetensors")
      let config = try JSON.parse(contentsOf: checkpoint + "/adapter_config.json")
      func generate(_ base: JSON, _ flags: String...) throws -> Outcome {
        var object = try #require(config.object)
        object["base_model_name_or_path"] = base
        _ = try scratch.file("peft/adapter_config.json", JSON.object(object).serialized())
        return try scratch.run("rollbook-generate", scratch.generateArguments(2, ["--model", folder] + flags))
      }
      try generate(.null).expect(65, naming: "base_model_name_or_path")
      try generate("org/model").expect(69, naming: "org/model")
      try generate(.string(folder)).expect(65, naming: "is an adapter itself")
      try generate(.string(checkpoint)).expect(65, naming: "is an adapter itself")
      try generate(.string(scratch.path("checkpoints/step-000000"))).expect()
      let files = try ModelFiles.open(path: checkpoint)
      #expect(try scratch.rollouts(2).allSatisfy { $0.policy == files.weightsDigest && $0.policyStep == nil })
      // Another scale is another policy.
      let text = try String(contentsOfFile: folder + "/adapter_config.json", encoding: .utf8)
      _ = try scratch.file("peft/adapter_config.json", text.replacing("\"lora_alpha\":8", with: "\"lora_alpha\":9"))
      #expect(try ModelFiles.open(path: folder).weightsDigest != files.weightsDigest)
    }

    /// Left out is the same whatever the micro-batches, and nothing in the sampler or the reference.
    @Test func dropout() throws {
      let start = scratch.buffer
      var norms: [Double] = []
      for flags in [["--tokens-per-batch", "64"], ["--tokens-per-batch", "4096", "--recompute-activations"]] {
        scratch.buffer = start
        scratch.buffer = try scratch.copy("dropout-\(norms.count)")
        let all = ["--on-policy", "--lora", "4", "--lora-dropout", "0.3", "--lr", "1e-2", "--json"] + flags
        let json = try scratch.run("rollbook-train", scratch.trainArguments(0, all)).expect().json()
        norms.append(try #require(json["grad_norm"]?.double))
      }
      #expect(norms[0] > 0 && abs(norms[1] - norms[0]) < 1e-4 * norms[0], "\(norms)")
    }

    /// An adapter's model stays as long as it.
    @Test func theModelOfAnAdapterIsKept() throws {
      try firstStep("--lora", "4", "--keep-last", "1")
      #expect(scratch.names("checkpoints") == ["step-000000", "step-000001"])
      try scratch.train(1, "--on-policy", "--keep-last", "1").expect()
      #expect(scratch.names("checkpoints") == ["step-000000", "step-000002"])
      try scratch.generate(2).expect()
      let gc = try scratch.rollbook("gc", "--keep-last", "1", "--cut-lineage").expect(naming: "is an adapter of it")
      #expect(!gc.output.contains("superseded"))
    }
  }
}
