internal import Rewards

extension RewardOptions {
  /// A setting that must be there.
  func text(_ key: String, _ meaning: String) throws(RewardError) -> String {
    guard let text = self[key], !text.isEmpty else { throw RewardError("\(name): expected \(key)=\(meaning)") }
    return text
  }

  /// A whole number of a range; the default where the key is missing.
  func count(_ key: String, _ range: ClosedRange<Int>, default value: Int) throws(RewardError) -> Int {
    guard let text = self[key] else { return value }
    guard let number = Int(text), range.contains(number) else {
      throw RewardError(
        "\(name): \(key)=\(text): expected a whole number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  /// Seconds, more than none and at most a week.
  func seconds(_ key: String, default value: Double) throws(RewardError) -> Double {
    guard let number = try number(key) else { return value }
    guard number > 0, number <= 604_800 else {
      throw RewardError("\(name): \(key)=\(self[key] ?? ""): expected seconds, above 0 and at most 604800")
    }
    return number
  }

  func flag(_ key: String, default value: Bool = false) throws(RewardError) -> Bool {
    guard let text = self[key] else { return value }
    guard let flag = Bool(text) else { throw RewardError("\(name): \(key)=\(text): expected true or false") }
    return flag
  }
}

/// What a row that cannot be scored becomes.
enum FailureRule: String, CaseIterable {
  case error, null
}
