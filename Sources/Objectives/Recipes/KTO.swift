extension Recipe {
  /// KTO (arXiv 2402.01306): good and bad responses without pairs; TRL `KTOTrainer`, β = 0.1, both weights 1. For
  /// unbalanced data: weights so that desirable count × weight is 1 to 4/3 of the undesirable's.
  @Sendable static func kto(preset: String) -> Recipe? {
    guard preset == "trl" else { return nil }
    return Recipe(name: "kto", preset: preset, data: .labelled, loss: .kto(KTOLoss()))
  }
}
