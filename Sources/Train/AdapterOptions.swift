internal import ArgumentParser
internal import Formats
internal import Model

/// The flags of training a low-rank adapter (LoRA, arXiv 2106.09685) instead of the weights.
struct AdapterOptions: ParsableArguments {
  @Option(
    name: .customLong("lora"),
    help: ArgumentHelp(
      "Train a low-rank adapter of this rank; the model itself stays as it is.",
      discussion: """
        Checkpoints hold the adapter in PEFT's layout and name the model that it belongs to; generate and the next \
        step's train take them like any other. A checkpoint with an adapter goes on with it, without these flags.
        """, valueName: "rank"))
  var rank: Int?
  @Option(
    name: .customLong("lora-alpha"),
    help: ArgumentHelp("The adapter's output is multiplied with alpha/rank (default: 2 × rank).", valueName: "alpha"))
  var alpha: Double?
  @Option(
    name: .customLong("lora-dropout"),
    help: ArgumentHelp(
      "Share of its inputs that the adapter does not see while it is trained (default: 0, or what the adapter says).",
      valueName: "share"))
  var dropout: Double?
  @Option(
    name: .customLong("lora-targets"),
    help: ArgumentHelp(
      "The adapted layers, with commas between "
        + "(default: all of \(AdapterConfiguration.allModules.joined(separator: ","))).",
      valueName: "names"))
  var targets: String?

  mutating func validate() throws {
    if let rank, !(1...4096).contains(rank) { throw ValidationError("--lora \(rank): expected a rank from 1 to 4096") }
    if let alpha, !(alpha > 0 && alpha.isFinite) {
      throw ValidationError("--lora-alpha \(alpha): expected more than 0")
    }
    if let dropout, !(0..<1).contains(dropout) {
      throw ValidationError("--lora-dropout \(dropout): expected 0 to less than 1")
    }
    for name in names ?? [] where !AdapterConfiguration.allModules.contains(name) {
      throw ValidationError(
        "--lora-targets: '\(name)' is none of \(AdapterConfiguration.allModules.joined(separator: ", "))")
    }
    if names?.isEmpty == true { throw ValidationError("--lora-targets: expected at least one layer") }
  }

  private var names: [String]? { targets.map { $0.split(separator: ",").map(String.init) } }

  /// The adapter to train: what the flags ask for, or what is there already; nil for the weights themselves.
  ///
  /// - Throws: `usage` for flags that contradict the adapter that is there, or that belong to none.
  func configuration(continuing existing: AdapterConfiguration?, base: String) throws -> AdapterConfiguration? {
    guard var configuration = existing else {
      guard let rank else {
        guard alpha == nil, dropout == nil, targets == nil else {
          throw RollbookError.usage(
            "--lora-alpha, --lora-dropout and --lora-targets are about an adapter, and there is none",
            hint: "give --lora RANK to train one")
        }
        return nil
      }
      var fresh = AdapterConfiguration(rank: rank, alpha: alpha ?? 2 * Double(rank), baseModel: base)
      if let names { fresh.modules = Set(names) }
      fresh.dropout = dropout ?? 0
      return fresh
    }
    func same(_ flag: String, _ given: String?, _ found: String) throws {
      guard let given, given != found else { return }
      throw RollbookError.usage(
        "\(flag) \(given): the checkpoint's adapter has \(found)",
        hint: "leave the flag out to go on with that adapter, or merge it (`rollbook merge`) and begin another")
    }
    func text(_ modules: some Sequence<String>) -> String { modules.sorted().joined(separator: ",") }
    try same("--lora", rank.map { "\($0)" }, "\(configuration.rank)")
    try same("--lora-alpha", alpha.map { "\($0)" }, "\(configuration.alpha)")
    try same("--lora-targets", names.map { text(Set($0)) }, text(configuration.modules))
    if let dropout { configuration.dropout = dropout }
    return configuration
  }

  /// What decides the update, for provenance.
  static func parameters(_ configuration: AdapterConfiguration) -> [String: String] {
    [
      "lora": "\(configuration.rank)", "lora-alpha": "\(configuration.alpha)",
      "lora-dropout": "\(configuration.dropout)",
      "lora-targets": configuration.modules.sorted().joined(separator: ","),
    ]
  }
}
