internal import ArgumentParser
internal import Model

/// The flags that decide how responses are drawn.
struct SamplingOptions: ParsableArguments {
  @Option(help: "Responses per prompt: the group that GRPO compares.")
  var groupSize = 8

  @Option(help: ArgumentHelp("Most tokens of a response, the end token included.", valueName: "n"))
  var maxNewTokens = 256

  @Option(help: "Divides the logits; 0 takes the most likely token each time.")
  var temperature: Float = 1

  @Option(name: .customLong("top-p"), help: "Keep the likeliest tokens up to this mass (nucleus); 1 keeps all.")
  var topP: Float = 1

  @Option(name: .customLong("top-k"), help: "Keep this many of the likeliest tokens; 0 keeps all.")
  var topK = 0

  @Option(name: .customLong("min-p"), help: "Keep tokens at least this fraction as likely as the likeliest; 0 keeps all.")
  var minP: Float = 0

  @Option(
    help: ArgumentHelp(
      "A text that ends a response; may be given several times.",
      discussion: "The response keeps it, so that text and tokens agree; its finish reason is stop_string.",
      valueName: "text"))
  var stop: [String] = []

  @Option(help: ArgumentHelp("Sequences decoded at once.", discussion: "Changes speed and memory, never the result."))
  var sequences = 64

  @Option(
    help: ArgumentHelp(
      "Tokens, of prompts and responses, whose keys and values are held at once (default: what half of the memory holds).",
      discussion: "Fewer sequences are then decoded at once. Changes speed and memory, never the result.",
      valueName: "n"))
  var maxBatchTokens: Int?

  mutating func validate() throws {
    func require(_ holds: Bool, _ message: String) throws {
      if !holds { throw ValidationError(message) }
    }
    try require((1...65536).contains(groupSize), "--group-size \(groupSize): expected 1 to 65536")
    try require((1...1_048_576).contains(maxNewTokens), "--max-new-tokens \(maxNewTokens): expected 1 or more")
    try require(temperature >= 0 && temperature.isFinite, "--temperature \(temperature): expected 0 or more")
    try require(topP > 0 && topP <= 1, "--top-p \(topP): expected more than 0, at most 1")
    try require(topK >= 0, "--top-k \(topK): expected 0 (off) or more")
    try require(minP >= 0 && minP <= 1, "--min-p \(minP): expected 0 to 1")
    try require((1...65536).contains(sequences), "--sequences \(sequences): expected 1 to 65536")
    if let maxBatchTokens {
      try require((1...1 << 40).contains(maxBatchTokens), "--max-batch-tokens \(maxBatchTokens): expected 1 or more")
    }
    try require(stop.allSatisfy { !$0.isEmpty }, "--stop: expected a text that is not empty")
  }

  var settings: SamplingSettings {
    var settings = SamplingSettings()
    settings.temperature = temperature
    settings.topP = topP
    settings.topK = topK
    settings.minP = minP
    settings.maxNewTokens = maxNewTokens
    return settings
  }

  /// What decides the rollouts, for provenance.
  var parameters: [String: String] {
    var all = [
      "group-size": "\(groupSize)", "max-new-tokens": "\(maxNewTokens)", "temperature": "\(temperature)",
      "top-p": "\(topP)", "top-k": "\(topK)", "min-p": "\(minP)",
    ]
    for (index, text) in stop.enumerated() { all["stop.\(index)"] = text }
    return all
  }
}
