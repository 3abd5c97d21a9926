extension RewardOptions {
  /// A length in tokens above 0, or nil where the key is missing.
  func length(_ key: String) throws(RewardError) -> Double? {
    guard let value = try number(key) else { return nil }
    guard value > 0 else {
      throw RewardError("\(name): \(key)=\(self[key] ?? ""): expected a number of tokens above 0")
    }
    return value
  }
}

/// A setting as provenance prints it: `limit` stands for the rollouts' own limit.
func lengthText(_ value: Double?) -> String { value.map { "\($0)" } ?? "limit" }

extension RewardInput {
  /// The response's tokens; never below 0.
  var length: Double { Double(max(responseLength, 0)) }

  /// The length that a setting gives, or else the most that sampling allowed; nil where neither is known.
  func limit(_ setting: Double?) -> Double? {
    setting ?? lengthLimit.flatMap { $0 > 0 ? Double($0) : nil }
  }
}
