extension Recipe {
  /// Supervised fine-tuning: the likelihood of the trained tokens, mean over the tokens of the step. TRL `SFTTrainer`
  /// (`loss_type=nll`).
  @Sendable static func sft(preset: String) -> Recipe? {
    guard preset == "trl" else { return nil }
    return Recipe(name: "sft", preset: preset, data: .demonstrations, loss: .likelihood(NegativeLogLikelihood()))
  }
}
