internal import ArgumentParser
internal import Formats
internal import Kernels
internal import Model

/// The flags that decide how gradients become updates.
struct OptimizerOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "How gradients become updates: \(Optimizer.Rule.allCases.map(\.rawValue).joined(separator: ", ")).",
      discussion: """
        Muon takes the matrices of hidden layers and leaves the rest to AdamW; Adafactor keeps the second moments of \
        rows and columns only. docs/training.md has their conventions.
        """))
  var optimizer = "adamw"
  @Option(name: .customLong("lr"), help: "The learning rate, the peak of the schedule.")
  var learningRate: Float = 1e-6
  @Option(help: ArgumentHelp("Updates over which the learning rate rises from 0.", valueName: "n"))
  var warmup = 0
  @Option(
    help: ArgumentHelp(
      "The learning rate after the rise: \(Schedule.Shape.allCases.map(\.rawValue).joined(separator: ", ")).",
      valueName: "shape"))
  var schedule = "constant"
  @Option(help: ArgumentHelp("Updates of the whole run, over which the learning rate falls.", valueName: "n"))
  var totalUpdates: Int?
  @Option(name: .customLong("min-lr"), help: "Where the learning rate falls to.")
  var minimumRate: Float = 0
  @Option(help: "AdamW's decay of the mean of gradients.")
  var beta1: Float = 0.9
  @Option(help: "AdamW's decay of the mean of squares.")
  var beta2: Float = 0.999
  @Option(name: .customLong("adam-eps"), help: "AdamW's epsilon.")
  var epsilon: Float = 1e-8
  @Option(help: "Muon's momentum.")
  var muonMomentum: Float = 0.95
  @Option(help: "Decoupled weight decay of matrices; norms and biases do not decay.")
  var weightDecay: Float = 0
  @Flag(help: "Let norms and biases decay as well.")
  var decayAll = false
  @Option(help: "The gradient's 2-norm is cut to this; 0 leaves it.")
  var maxGradNorm: Double = 1
  @Option(
    name: .customLong("ema"),
    help: ArgumentHelp(
      "Also keep the exponential moving average of the weights, with this decay an update, such as 0.999.",
      discussion: "Published as ema.safetensors; 'step:N/ema' and 'latest/ema' name it.", valueName: "decay"))
  var averageDecay: Float?
  @Flag(help: "Leave the checkpoint's optimizer state: begin with update 1 and without moments.")
  var freshOptimizer = false
  @Option(
    name: .customLong("freeze"), parsing: .singleValue,
    help: ArgumentHelp(
      "Parameters that stay as they are, by the beginning of their names; may be given again.",
      discussion: "Such as model.embed_tokens, layers.0-11 or 'layers.*.mlp'.", valueName: "pattern"))
  var frozen: [String] = []

  mutating func validate() throws {
    func require(_ holds: Bool, _ message: String) throws {
      if !holds { throw ValidationError(message) }
    }
    try require(
      Optimizer.Rule(rawValue: optimizer) != nil,
      "--optimizer \(optimizer): expected one of \(Optimizer.Rule.allCases.map(\.rawValue).joined(separator: ", "))")
    try require(learningRate >= 0 && learningRate.isFinite, "--lr \(learningRate): expected 0 or more")
    try require(warmup >= 0, "--warmup \(warmup): expected 0 or more")
    try require((0..<1).contains(beta1), "--beta1 \(beta1): expected 0 to less than 1")
    try require((0..<1).contains(beta2), "--beta2 \(beta2): expected 0 to less than 1")
    try require(epsilon > 0, "--adam-eps \(epsilon): expected more than 0")
    try require((0..<1).contains(muonMomentum), "--muon-momentum \(muonMomentum): expected 0 to less than 1")
    try require(weightDecay >= 0 && weightDecay.isFinite, "--weight-decay \(weightDecay): expected 0 or more")
    try require(maxGradNorm >= 0 && maxGradNorm.isFinite, "--max-grad-norm \(maxGradNorm): expected 0 or more")
    try require(
      averageDecay.map { (0..<1).contains($0) } ?? true, "--ema \(averageDecay ?? 0): expected 0 to less than 1")
    try require(!frozen.contains(""), "--freeze: expected the beginning of a parameter's name")
    guard let shape = Schedule.Shape(rawValue: schedule) else {
      let known = Schedule.Shape.allCases.map(\.rawValue).joined(separator: ", ")
      throw ValidationError("--schedule \(schedule): expected one of \(known)")
    }
    if shape == .constant {
      try require(
        totalUpdates == nil, "--total-updates: --schedule linear or cosine falls over them, constant does not")
      try require(minimumRate == 0, "--min-lr: --schedule linear or cosine falls to it, constant does not")
    } else {
      try require(
        (totalUpdates ?? 0) > warmup,
        "--schedule \(schedule) needs --total-updates, more than --warmup \(warmup)")
      try require(
        minimumRate >= 0 && minimumRate <= learningRate, "--min-lr \(minimumRate): expected 0 to --lr \(learningRate)")
    }
  }

  var settings: Optimizer.Settings {
    var settings = Optimizer.Settings()
    settings.rule = Optimizer.Rule(rawValue: optimizer) ?? .adamW
    (settings.beta1, settings.beta2, settings.epsilon) = (beta1, beta2, epsilon)
    settings.momentum = muonMomentum
    (settings.weightDecay, settings.decaysAll) = (weightDecay, decayAll)
    return settings
  }

  var rates: Schedule {
    Schedule(
      Schedule.Shape(rawValue: schedule) ?? .constant, peak: learningRate, warmup: warmup, total: totalUpdates ?? 0,
      minimum: minimumRate)
  }

  var patterns: [ParameterPattern] { frozen.map { ParameterPattern($0) } }

  /// What decides the updates, for provenance. What is left out is at its default, which was all there was once.
  var parameters: [String: String] {
    var all = [
      "lr": "\(learningRate)", "warmup": "\(warmup)", "beta1": "\(beta1)", "beta2": "\(beta2)",
      "adam-eps": "\(epsilon)", "weight-decay": "\(weightDecay)", "max-grad-norm": "\(maxGradNorm)",
    ]
    if optimizer != "adamw" { all["optimizer"] = optimizer }
    if optimizer == "muon" { all["muon-momentum"] = "\(muonMomentum)" }
    if weightDecay > 0 { all["decay"] = decayAll ? "all" : "matrices" }
    if schedule != "constant" {
      all["schedule"] = schedule
      all["total-updates"] = totalUpdates.map { "\($0)" }
      all["min-lr"] = "\(minimumRate)"
    }
    if let averageDecay { all["ema"] = "\(averageDecay)" }
    if freshOptimizer { all["fresh-optimizer"] = "true" }
    if !frozen.isEmpty { all["freeze"] = frozen.joined(separator: " ") }
    return all
  }
}
