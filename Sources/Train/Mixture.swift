internal import ArgumentParser
internal import Formats
internal import Kernels
internal import Pipeline

/// The flags that mix rollouts of several kinds or steps.
struct MixOptions: ParsableArguments {
  @Option(
    name: .customLong("mix"), parsing: .singleValue,
    help: ArgumentHelp(
      "A share of the step's groups and what they are drawn from; given once for each part.",
      discussion: """
        WEIGHT SELECTION, in the language of --where over all steps, in which {step} is the step and {step-4} the fourth \
        before it: --mix '0.7 step = {step}' --mix '0.2 step between {step-4} and {step-1}' --mix '0.1 kind = \
        demonstration'. A group belongs to the first part that selects one of its rows; drawn in a seeded order without \
        putting back.
        """, valueName: "part"))
  var parts: [String] = []
  @Option(
    help: ArgumentHelp(
      "Groups in a mixture (default: as many as take the first part whole).", valueName: "n"))
  var mixSize: Int?

  mutating func validate() throws {
    if let mixSize, mixSize < 1 { throw ValidationError("--mix-size \(mixSize): expected 1 or more") }
    if mixSize != nil, parts.isEmpty { throw ValidationError("--mix-size is the size of a --mix") }
  }

  /// What decides what is drawn, for provenance.
  var parameters: [String: String] {
    parts.isEmpty ? [:] : ["mix": parts.joined(separator: "; "), "mix-size": mixSize.map { "\($0)" } ?? "first"]
  }

  /// - Throws: `usage` for a part that is no weight and selection, `missing` where a part finds nothing.
  func draw(_ buffer: Buffer, step: Int, scores: String, seed: Int) throws -> Drawn {
    let parsed = try parts.map { try Self.parse($0, step: step) }
    let index = try Index.inMemory(buffer).index
    let set = try index.scoreSets().contains(scores) ? scores : nil
    var taken = Set<Drawn.Group>()
    let found = try parsed.map { part in
      var groups: [Drawn.Group: Set<RolloutID>] = [:]
      try index.forEachRollout(where: part.selection, set: set) { record, _ in
        groups[Drawn.Group(step: record.step, number: record.group), default: []].insert(record.id)
      }
      groups = groups.filter { taken.insert($0.key).inserted }
      guard !groups.isEmpty else {
        throw RollbookError.missing("--mix", "'\(part.text)' selects no rollout that an earlier part has not")
      }
      return groups
    }
    let total = parsed.reduce(0) { $0 + $1.weight }
    let size = mixSize.map(Double.init) ?? Double(found[0].count) * (total / parsed[0].weight)
    guard total.isFinite, size.isFinite else {
      throw RollbookError.usage("--mix: the weights are too far apart or too large", hint: "such as 0.7, 0.2 and 0.1")
    }
    var drawn = Drawn()
    for (number, (part, groups)) in zip(parsed, found).enumerated() {
      let random = RolloutRandom(
        seed: UInt64(seed), step: UInt64(step), prompt: 0x6D69_7875, sample: UInt64(number))
      var order = groups.keys.sorted()
      for i in stride(from: order.count - 1, to: 0, by: -1) {
        order.swapAt(i, min(i, Int(random.uniform(position: i) * Double(i + 1))))
      }
      let count = Int(min((part.weight / total * size).rounded(), Double(order.count)))
      for group in order.prefix(count) { drawn.add(group, groups[group] ?? []) }
      drawn.parts.append((part.text, count, order.count))
    }
    return drawn
  }

  private static func parse(_ text: String, step: Int) throws -> (weight: Double, selection: Selection, text: String) {
    let words = text.split(separator: " ", maxSplits: 1).map(String.init)
    guard words.count == 2, let weight = Double(words[0]), weight > 0, weight.isFinite else {
      throw RollbookError.usage(
        "--mix '\(text)': expected a weight of more than 0 and a selection", hint: "such as --mix '0.7 step = {step}'")
    }
    var selection = "", rest = words[1][...]
    while let open = rest.firstIndex(of: "{") {
      guard let close = rest[open...].firstIndex(of: "}"), let value = number(rest[rest.index(after: open)..<close], step)
      else {
        throw RollbookError.usage("--mix '\(text)': expected {step}, {step-N} or {step+N} at '\(rest[open...].prefix(12))'")
      }
      selection += rest[..<open] + "\(value)"
      rest = rest[rest.index(after: close)...]
    }
    return (weight, try Selection.parse(selection + rest), words[1])
  }

  private static func number(_ text: Substring, _ step: Int) -> Int? {
    guard text.hasPrefix("step") else { return nil }
    let rest = text.dropFirst(4).filter { $0 != " " }
    if rest.isEmpty { return step }
    guard let difference = Int(rest), rest.hasPrefix("-") || rest.hasPrefix("+") else { return nil }
    let (sum, overflows) = step.addingReportingOverflow(difference)
    return overflows ? nil : sum
  }
}

/// The rows that a step trains on, by step and group.
struct Drawn {
  struct Group: Hashable, Comparable {
    var step: Int
    var number: Int
    static func < (a: Group, b: Group) -> Bool { (a.step, a.number) < (b.step, b.number) }
  }

  /// Rows of each step; nil for all of them.
  private(set) var rows: [Int: Set<RolloutID>?] = [:]
  /// The parts of a mixture: selection, groups drawn, groups there are.
  var parts: [(text: String, drawn: Int, found: Int)] = []

  init() {}

  /// Those of one step; nil for all of them.
  init(step: Int, _ ids: Set<RolloutID>? = nil) { rows.updateValue(ids, forKey: step) }

  mutating func add(_ group: Group, _ ids: Set<RolloutID>) {
    let before = rows[group.step].flatMap { $0 } ?? []
    rows[group.step] = .some(before.union(ids))
  }
}
