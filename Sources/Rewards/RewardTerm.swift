/// One reward of a set, and what of it counts: `math=1`, `o1-pruner=0.1; when math = 1; clip -2..4`.
///
/// The text is `SPEC[=WEIGHT][; modifier]…`. The weight is the number after the last `=`, unless that `=` belongs to a
/// setting (`o1-pruner:reference=given`); without one it is 1. Weight 0 scores without counting. A semicolon begins a
/// modifier only before one of its words, so that patterns and commands may hold semicolons.
package struct RewardTerm: Sendable, Equatable {
  /// `when COMPONENT OP NUMBER`: counts 0 where the comparison does not hold, or that component is null.
  package struct Gate: Sendable, Equatable, CustomStringConvertible {
    package enum Comparison: String, Sendable, CaseIterable {
      case atLeast = ">=", atMost = "<=", equal = "=", above = ">", below = "<"
    }
    package var component: String
    package var comparison: Comparison
    package var value: Double

    package var description: String { "\(component) \(comparison.rawValue) \(value)" }

    package func holds(_ other: Double?) -> Bool {
      guard let other else { return false }
      return switch comparison {
      case .atLeast: other >= value
      case .atMost: other <= value
      case .equal: other == value
      case .above: other > value
      case .below: other < value
      }
    }
  }

  /// The reward and its settings.
  package var spec: String
  /// The component's name: `as NAME`, else the spec.
  package var name: String
  package var weight = 1.0
  package var gates: [Gate] = []
  /// `clip LO..HI`: what counts is clamped; what is stored is not.
  package var clip: ClosedRange<Double>?
  /// `from-step N`: counts 0 before.
  package var fromStep: Int?
  /// `until-step N`: counts 0 from this step on.
  package var untilStep: Int?
  /// `in NAME`: a member of that ensemble, which counts instead of it.
  package var ensemble: String?
  /// `judge`: its value 1 means that the answer is right, whatever the reward says of itself.
  package var judges = false

  package init(spec: String, name: String? = nil) {
    self.spec = spec
    self.name = name ?? spec
  }

  package init(parsing text: String, registry: RewardRegistry = RewardRegistry()) throws(RewardError) {
    var pieces = Self.pieces(text)
    let (spec, weight) = try Self.weighted(pieces.removeFirst(), registry)
    self.init(spec: spec)
    self.weight = weight
    for piece in pieces { try apply(piece) }
  }

  /// What of the term is not the plain weighted value, for provenance; "" where nothing is.
  package var modifiers: String {
    var parts = gates.map { "when \($0)" }
    if name != spec { parts.append("as \(name)") }
    if let clip { parts.append("clip \(clip.lowerBound)..\(clip.upperBound)") }
    if let fromStep { parts.append("from-step \(fromStep)") }
    if let untilStep { parts.append("until-step \(untilStep)") }
    if let ensemble { parts.append("in \(ensemble)") }
    if judges { parts.append("judge") }
    return parts.joined(separator: "; ")
  }

  private static let words = ["when", "clip", "from-step", "until-step", "in", "as", "judge"]

  private static func pieces(_ text: String) -> [String] {
    var pieces: [String] = []
    for piece in text.split(separator: ";", omittingEmptySubsequences: false).map(String.init) {
      let trimmed = trim(piece)
      let word = trimmed.prefix { $0 != " " }
      if pieces.isEmpty {
        pieces.append(piece)
      } else if words.contains(String(word)) {
        pieces.append(trimmed)
      } else {
        pieces[pieces.count - 1] += ";" + piece
      }
    }
    if pieces.count > 1 { pieces[0] = trim(pieces[0]) }
    return pieces
  }

  /// Adds one modifier, such as `clip 0..1`.
  package mutating func apply(_ text: String) throws(RewardError) {
    let word = String(text.prefix { $0 != " " })
    let rest = trim(String(text.dropFirst(word.count)))
    switch word {
    case "when": gates.append(try Self.gate(rest))
    case "clip": clip = try Self.range(rest)
    case "from-step": fromStep = try Self.step(word, rest)
    case "until-step": untilStep = try Self.step(word, rest)
    case "in": ensemble = try Self.identifier(word, rest)
    case "as": name = try Self.identifier(word, rest)
    case "judge" where rest.isEmpty: judges = true
    default: throw RewardError("'\(text)': expected one of \(Self.words.joined(separator: ", "))")
    }
  }

  /// Reads `math = 1`, `format >= 0.5`.
  package static func gate(_ text: String) throws(RewardError) -> Gate {
    for comparison in Gate.Comparison.allCases {
      // The component may hold "=" itself (`format:form=strict = 1`): the comparison is the last one.
      guard let place = text.ranges(of: comparison.rawValue).last else { continue }
      let name = trim(String(text[..<place.lowerBound]))
      guard !name.isEmpty, let value = Double(trim(String(text[place.upperBound...]))), value.isFinite else { continue }
      return Gate(component: name, comparison: comparison, value: value)
    }
    throw RewardError("when '\(text)': expected COMPONENT, one of >= <= = > <, and a number, e.g. when math = 1")
  }

  /// Reads `-2..4`; either side may be missing.
  package static func range(_ text: String) throws(RewardError) -> ClosedRange<Double> {
    if let dots = text.ranges(of: "..").first {
      let (low, high) = (trim(String(text[..<dots.lowerBound])), trim(String(text[dots.upperBound...])))
      let lower = low.isEmpty ? -Double.greatestFiniteMagnitude : Double(low)
      let upper = high.isEmpty ? Double.greatestFiniteMagnitude : Double(high)
      if let lower, let upper, lower.isFinite, upper.isFinite, lower <= upper { return lower...upper }
    }
    throw RewardError("clip '\(text)': expected LOW..HIGH, e.g. clip -2..4")
  }

  private static func step(_ word: String, _ text: String) throws(RewardError) -> Int {
    guard let step = Int(text), step >= 0 else { throw RewardError("\(word) '\(text)': expected a step, 0 or more") }
    return step
  }

  private static func identifier(_ word: String, _ text: String) throws(RewardError) -> String {
    guard !text.isEmpty, text.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else {
      throw RewardError("\(word) '\(text)': expected a name without spaces")
    }
    return text
  }

  private static func weighted(
    _ text: String, _ registry: RewardRegistry
  ) throws(RewardError) -> (spec: String, weight: Double) {
    guard let last = text.utf8.lastIndex(of: UInt8(ascii: "=")) else { return (text, 1) }
    let spec = String(text[..<last])
    let tail = String(text[text.utf8.index(after: last)...])
    if let weight = Double(tail), weight.isFinite {
      return opensSetting(spec, registry) ? (text, 1) : (spec, weight)
    }
    // Not a weight but a setting's value, or the main setting's (`command=python judge.py`).
    let name = text.prefix { $0 != ":" && $0 != "=" }
    if text.utf8.contains(UInt8(ascii: ":")) || registry.entry(name)?.mainKey != nil { return (text, 1) }
    throw RewardError("reward '\(text)': expected a number as weight after '=', found '\(tail)'")
  }
}

/// Whether the text up to an `=` ends in the key of a setting, as `o1-pruner:reference=given,min` does.
private func opensSetting(_ text: String, _ registry: RewardRegistry) -> Bool {
  guard let end = text.utf8.firstIndex(where: { $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: "=") }) else {
    return false
  }
  let settings = text[end...]
  let isMain = text.utf8[end] == UInt8(ascii: "=")
  if let keys = registry.entry(text[..<end])?.keys {
    if keys.contains(where: { settings.hasSuffix("," + $0.key) || (!isMain && settings.hasSuffix(":" + $0.key)) }) {
      return true
    }
  }
  return !isMain && !settings.utf8.contains(UInt8(ascii: "="))
}

/// Without the spaces at both ends.
func trim(_ text: String) -> String {
  var bytes = text.utf8[...]
  while bytes.first == 0x20 { bytes.removeFirst() }
  while bytes.last == 0x20 { bytes.removeLast() }
  return String(bytes) ?? text
}
