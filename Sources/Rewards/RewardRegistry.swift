/// The rewards that specs can name: the pure ones of this module, and those that a program adds.
package struct RewardRegistry: Sendable {
  /// One reward: its name, one line about it, its keys with an explanation, and how it is made.
  package struct Entry: Sendable {
    package let name: String
    package let summary: String
    package let keys: [(key: String, explanation: String)]
    /// The key of what stands after `name=` without a key of its own, as in `command=python judge.py`.
    package let mainKey: String?
    let make: @Sendable (RewardOptions) throws -> any Scorer

    package init(
      name: String, summary: String, keys: [(key: String, explanation: String)], mainKey: String? = nil,
      make: @escaping @Sendable (RewardOptions) throws -> any Scorer
    ) {
      self.name = name
      self.summary = summary
      self.keys = keys
      self.mainKey = mainKey
      self.make = make
    }
  }

  package let entries: [Entry]

  /// The pure rewards, and more.
  package init(adding more: [Entry] = []) { entries = Self.table + more }

  /// The rewards that are pure functions.
  package static let table: [Entry] = [
    MathReward.entry, FormatReward.entry, JSONReward.entry, JSONSchemaReward.entry, LanguageReward.entry,
    RepetitionReward.entry, AnswerPresentReward.entry, ExactMatchReward.entry, SortReward.positions,
    SortReward.neighbours, LengthHarmonizingReward.entry, KimiLengthReward.entry, OverlongReward.entry,
    CosineLengthReward.entry, LinearLengthReward.entry, TargetLengthReward.entry, CountdownReward.entry,
    ReasoningGymReward.chainSum, ReasoningGymReward.numberSorting, ReasoningGymReward.gsmSymbolic,
    TokenOverlapReward.entry, RougeReward.entry, BleuReward.entry, InstructionsReward.entry,
  ]

  package func entry(_ name: some StringProtocol) -> Entry? { entries.first { $0.name == name } }

  /// Makes the reward of a spec, `name`, `name:key=value,key=value` or, where the reward has a main key,
  /// `name=value,key=value`.
  ///
  /// A comma begins a new setting only where a key of that reward and `=` follow, so that patterns may hold commas.
  /// - Throws: `RewardError`, or what a reward that is not pure meets when it opens its model or program.
  package func scorer(_ spec: String) throws -> any Scorer {
    let end = spec.utf8.firstIndex { $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: "=") } ?? spec.endIndex
    let name = String(spec[..<end])
    guard let entry = entry(name) else {
      throw RewardError("unknown reward '\(name)'; there are \(entries.map(\.name).joined(separator: ", "))")
    }
    let rest = end < spec.endIndex ? String(spec[spec.utf8.index(after: end)...]) : ""
    if end < spec.endIndex, spec.utf8[end] == UInt8(ascii: "=") {
      guard let key = entry.mainKey else {
        throw RewardError("\(name): expected '\(name):key=value', found '\(spec)'")
      }
      return try entry.make(try Self.options("\(key)=\(rest)", of: entry))
    }
    return try entry.make(try Self.options(rest, of: entry))
  }

  /// The pure reward of a spec.
  package static func reward(_ spec: String) throws -> any Reward {
    guard let reward = try RewardRegistry().scorer(spec) as? any Reward else {
      throw RewardError("'\(spec)' is no pure reward")
    }
    return reward
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
