package import ArgumentParser

/// The flags of the programs that run a model. Use as `@OptionGroup var engine: EngineOptions`.
package struct EngineOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "What matrix products multiply in: f32 or bf16.",
      discussion: """
        Their sums, everything between them and the weights that are trained are in f32 either way. The default is \
        bf16 where the processor has it (AVX-512 BF16), else f32; train follows the rollouts it learns from, since \
        log-probabilities of the two differ.
        """,
      valueName: "type"))
  package var precision: String?

  package init() {}
}
