import Formats
import Kernels
import Testing

extension ProgramTests {
  /// `--precision`, from the outside.
  @Suite struct PrecisionTests {
    let scratch: Scratch

    init() throws { scratch = try Scratch(inMemory: true) }

    private func precision(of relative: String) throws -> String? {
      try scratch.manifest(relative).action.parameters["precision"]
    }

    /// Training follows the rollouts, whichever precision the processor would choose, and agrees with them to the bit.
    @Test(arguments: Precision.allCases.filter(\.isSupported))
    func trainingFollowsTheRollouts(precision: Precision) throws {
      try scratch.prepare("--precision", precision.rawValue)
      #expect(try self.precision(of: scratch.rolloutShard(0).replacing(".arrow", with: ".json")) == precision.rawValue)
      try scratch.train(0, "--on-policy").expect()
      #expect(try scratch.checkpointManifest(1).action.parameters["precision"] == precision.rawValue)
      if try scratch.isBatchInvariant() {
        for row in try scratch.updates(0) { #expect(row.oldLogprobs == row.behaviourLogprobs) }
      }
    }

    @Test func theDefaultIsTheProcessorsOwn() throws {
      try scratch.prepare()
      #expect(
        try precision(of: scratch.rolloutShard(0).replacing(".arrow", with: ".json")) == Precision.native.rawValue)
    }

    /// Two precisions are two policies' rollouts, and training in another one is said to be other work.
    @Test(.enabled(if: Precision.bf16.isSupported)) func precisionsAreApart() throws {
      try scratch.prepare("--precision", "bf16")
      try scratch.generate(0, "--precision", "f32").expect(64, naming: "precision bf16 there, f32 here")
      try scratch.train(0, "--precision", "f32").expect()
      #expect(try scratch.updates(0).contains { $0.oldLogprobs != $0.behaviourLogprobs })
      try scratch.train(0, "--precision", "bf16").expect(64, naming: "precision f32 there, bf16 here")
    }

    /// A processor whose products depend on the batch is told of, at the start and in the manifest.
    @Test func olderProcessorsSaySo() throws {
      try scratch.initialise()
      let arguments = scratch.generateArguments(0, [])
      let older = try scratch.run("rollbook-generate", arguments, environment: ["DNNL_MAX_CPU_ISA": "AVX2"]).expect()
      let manifest = try scratch.manifest(scratch.rolloutShard(0).replacing(".arrow", with: ".json"))
      #expect(manifest.action.parameters["precision"] == "f32")
      #expect(manifest.action.kernels.contains("not batch-invariant") == older.errors.contains("depend on the batch"))
      scratch.buffer += "-native"
      try scratch.initialise()
      let native = try scratch.generate(0).expect()
      #expect(try scratch.isBatchInvariant() != native.errors.contains("depend on the batch"))
    }

    @Test func namesThatThereAreNot() throws {
      try scratch.initialise()
      for name in ["fp8", "", "BF16"] { try scratch.generate(0, "--precision", name).expect(64, naming: "f32 or bf16") }
    }
  }
}
