internal import Formats
internal import Kernels
internal import Model
internal import Pipeline
internal import Rewards
internal import Tokenizer

/// What every model's spec says: where it is, and how to compute.
struct ModelSettings: Sendable {
  let path: String
  let precision: Precision
  let batchTokens: Int

  /// - Throws: `RewardError` for settings that cannot be; `missing` for a model that is not there.
  init(_ name: String, _ options: RewardOptions, _ context: ScoringContext) throws {
    guard let text = options["path"], !text.isEmpty else {
      throw RewardError("\(name): expected a model, e.g. \(name)=runs/rm/checkpoints/step-000020")
    }
    batchTokens = try options.count("batch-tokens", name, 1...1 << 24) ?? 2048
    let buffer = try context.buffer.map { try Buffer.open(path: $0, create: false) }
    path = try buffer.map { try ModelReference.find(text, in: $0, upTo: context.step).path } ?? text
    if let wanted = options["precision"] {
      guard let precision = Precision(rawValue: wanted), precision.isSupported else {
        let supported = Precision.allCases.filter(\.isSupported).map(\.rawValue).joined(separator: " or ")
        throw RewardError("\(name): precision=\(wanted): expected \(supported) on this machine")
      }
      self.precision = precision
    } else {
      let stated = try buffer?.manifests(.rollouts, step: context.step).compactMap { $0.action.parameters["precision"] }
      let known = Set(stated ?? [])
      precision = try .choose(nil, preferred: known.count == 1 ? known.first : nil)
    }
  }
}

extension ScoringContext {
  /// The digest of the tokenizer that the rollouts' tokens are of; nil where nobody has said so.
  func rolloutTokenizer() throws -> String? {
    try buffer.flatMap { try Buffer.open(path: $0, create: false).tokenizer() }
  }
}

extension ScoringModel {
  /// A model of the shelf that says how likely tokens are.
  /// - Throws: `missing`; `badInput` for files that are no language model.
  static func language(_ name: String, _ settings: ModelSettings, _ context: ScoringContext) throws -> ScoringModel {
    let matmul = context.models.matmul(settings.precision, context)
    return try context.models.model("language \(settings.path) \(settings.precision)") {
      let source = try ModelSource(opening: settings.path)
      try source.files?.checkSpeaks("reward \(name)")
      return try ScoringModel(source, tokenizer: source.tokenizer(), head: nil, role: "reference", matmul) {
        try source.reading($0, speaks: true)
      }
    }
  }
}

extension RewardOptions {
  /// A day, or nil where the key is missing.
  func date(_ key: String) throws(RewardError) -> LocalTime? {
    guard let text = self[key] else { return nil }
    guard let date = LocalTime(text) else {
      throw RewardError("\(name): \(key)=\(text): expected a date as 2026-11-21")
    }
    return date
  }

  /// A whole number of a range, or nil where the key is missing.
  func count(_ key: String, _ name: String, _ range: ClosedRange<Int>) throws(RewardError) -> Int? {
    guard let text = self[key] else { return nil }
    guard let count = Int(text), range.contains(count) else {
      throw RewardError(
        "\(name): \(key)=\(text): expected a whole number from \(range.lowerBound) to \(range.upperBound)")
    }
    return count
  }
}
