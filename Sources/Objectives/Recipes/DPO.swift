extension Recipe {
  /// DPO (arXiv 2305.18290) and its variants, β = 0.1, summed log-ratios; the equations are at ``PreferenceLoss``.
  ///
  /// The presets are TRL's `loss_type`s, with label smoothing 0.1 for robust and cdpo; sigmoid-norm and ipo average over
  /// length, ipo-summed is OpenRLHF's. sigmoid-norm takes β = 2, because averages are that much smaller.
  @Sendable static func dpo(preset: String) -> Recipe? {
    let loss: PreferenceLoss? =
      switch preset {
      case "sigmoid": PreferenceLoss(.sigmoid)
      case "sigmoid-norm": PreferenceLoss(.sigmoid, beta: 2, lengthAverage: true)
      case "hinge": PreferenceLoss(.hinge)
      case "ipo": PreferenceLoss(.ipo, lengthAverage: true)
      case "ipo-summed": PreferenceLoss(.ipo)
      case "robust": PreferenceLoss(.robust, labelSmoothing: 0.1)
      case "cdpo": PreferenceLoss(.cdpo, labelSmoothing: 0.1)
      case "apo-zero": PreferenceLoss(.apoZero)
      case "sppo-hard": PreferenceLoss(.sppoHard)
      default: nil
      }
    return loss.map { Recipe(name: "dpo", preset: preset, data: .pairs, loss: .preference($0)) }
  }

  /// SimPO (arXiv 2405.14734): no reference, length-averaged log-probabilities, a margin γ.
  ///
  /// paper: β = 2, γ = 1; trl: `CPOTrainer`'s `loss_type=simpo` with β = 0.1, γ = 0.5.
  @Sendable static func simpo(preset: String) -> Recipe? {
    let values: (beta: Double, gamma: Double)? = preset == "paper" ? (2, 1) : preset == "trl" ? (0.1, 0.5) : nil
    return values.map {
      Recipe(
        name: "simpo", preset: preset, data: .pairs,
        loss: .preference(
          PreferenceLoss(.simpo, beta: $0.beta, gamma: $0.gamma, referenceFree: true, lengthAverage: true)))
    }
  }
}
