/// A reward spec that cannot be used; the text says what is wrong and what is legal.
package struct RewardError: Error, Equatable, CustomStringConvertible, Sendable {
  package var description: String
  package init(_ description: String) { self.description = description }
}

/// The settings of a spec, `key=value,key=value`, as its reward reads them.
package struct RewardOptions: Sendable {
  let name: String
  let values: [String: String]

  /// The value of a key, or nil.
  subscript(key: String) -> String? { values[key] }

  /// One of the named choices; the first is the default.
  func choice<Choice: RawRepresentable & CaseIterable>(
    _ key: String, default value: Choice
  ) throws(RewardError) -> Choice where Choice.RawValue == String {
    guard let text = values[key] else { return value }
    guard let choice = Choice(rawValue: text) else {
      let legal = Choice.allCases.map(\.rawValue).joined(separator: ", ")
      throw RewardError("\(name): \(key)=\(text): expected one of \(legal)")
    }
    return choice
  }

  /// A finite number, or nil where the key is missing.
  func number(_ key: String) throws(RewardError) -> Double? {
    guard let text = values[key] else { return nil }
    guard let number = Double(text), number.isFinite else {
      throw RewardError("\(name): \(key)=\(text): expected a number")
    }
    return number
  }
}

/// The rewards there are.
package enum RewardRegistry {
  /// One reward: its name, one line about it, its keys with an explanation, and how it is made.
  package struct Entry: Sendable {
    package let name: String
    package let summary: String
    package let keys: [(key: String, explanation: String)]
    let make: @Sendable (RewardOptions) throws(RewardError) -> any Reward
  }

  package static let table: [Entry] = [
    MathReward.entry, FormatReward.entry, ExactMatchReward.entry, SortReward.positions, SortReward.neighbours,
    LengthHarmonizingReward.entry,
  ]

  /// Makes the reward of a spec, `name` or `name:key=value,key=value`.
  ///
  /// A comma begins a new setting only where a key of that reward and `=` follow, so that patterns may hold commas.
  package static func reward(_ spec: String) throws(RewardError) -> any Reward {
    let (name, settings) = split(spec)
    guard let entry = table.first(where: { $0.name == name }) else {
      throw RewardError("unknown reward '\(name)'; there are \(table.map(\.name).joined(separator: ", "))")
    }
    return try entry.make(try options(settings, of: entry))
  }

  /// The name, and what follows the first colon.
  private static func split(_ spec: String) -> (name: String, settings: String) {
    guard let colon = spec.utf8.firstIndex(of: UInt8(ascii: ":")) else { return (spec, "") }
    return (String(spec[..<colon]), String(spec[spec.utf8.index(after: colon)...]))
  }

  private static func options(_ settings: String, of entry: Entry) throws(RewardError) -> RewardOptions {
    var values: [String: String] = [:]
    var pieces: [String] = []
    for piece in settings.split(separator: ",", omittingEmptySubsequences: false).map(String.init) {
      let opensSetting = entry.keys.contains { piece.hasPrefix($0.key + "=") }
      if opensSetting || pieces.isEmpty {
        pieces.append(piece)
      } else {
        pieces[pieces.count - 1] += "," + piece
      }
    }
    for piece in pieces where !piece.isEmpty {
      guard let key = entry.keys.first(where: { piece.hasPrefix($0.key + "=") })?.key else {
        throw RewardError("\(entry.name): cannot read '\(piece)'; \(legalKeys(entry))")
      }
      guard values[key] == nil else { throw RewardError("\(entry.name): \(key) is given twice") }
      values[key] = String(piece.dropFirst(key.count + 1))
    }
    return RewardOptions(name: entry.name, values: values)
  }

  private static func legalKeys(_ entry: Entry) -> String {
    if entry.keys.isEmpty { return "it takes no settings" }
    let keys = entry.keys.map { "\($0.key) (\($0.explanation))" }.joined(separator: ", ")
    return "expected key=value with the keys \(keys)"
  }
}
