package import Formats
import Foundation

/// What a step's rollouts and their scores look like, from what is stored of them: the numbers that need no model.
///
/// Passing and groups without variance are as in `rollbook stats`: a response passes when the score set's first
/// component is 1 or more (and not where that does not apply), and groups of one scored response do not count.
package struct StepMetrics: Sendable {
  /// One response of the step.
  package struct Response: Sendable {
    package var group: Int
    /// Nil: not scored.
    package var reward: Double?
    /// In the order of the step's components; nil: does not apply.
    package var components: [Double?]
    /// Response tokens.
    package var length: Int
    package var finish: FinishReason
    /// Steps between the policy that sampled it and the one that is trained; nil: unknown.
    package var staleness: Int?

    package init(
      group: Int, reward: Double?, components: [Double?], length: Int, finish: FinishReason, staleness: Int? = nil
    ) {
      self.group = group
      self.reward = reward
      self.components = components
      self.length = length
      self.finish = finish
      self.staleness = staleness
    }

    /// Nil where the first component does not apply.
    var passes: Bool? { components.first.flatMap { $0 }.map { $0 >= 1 } }
  }

  private let components: [String]
  private let tokenLimit: Int
  private let responses: [Response]

  /// - Parameters:
  ///   - components: Names of the score set's components, in its order.
  ///   - tokenLimit: Response tokens that the sampler was allowed; 0: unknown.
  package init(components: [String], tokenLimit: Int, _ responses: [Response]) {
    self.components = components
    self.tokenLimit = tokenLimit
    self.responses = responses
  }

  /// Names and values in a fixed order; what nothing is known of is left out.
  package var values: [(name: String, value: Double)] { rewards + passing + endings + ages }

  /// Share of the groups whose scored rewards, two or more, are all equal; nil where there is no such group.
  package var zeroVarianceShare: Double? {
    var ranges: [Int: (low: Double, high: Double, count: Int)] = [:]
    for response in responses {
      guard let reward = response.reward else { continue }
      let old = ranges[response.group] ?? (reward, reward, 0)
      ranges[response.group] = (min(old.low, reward), max(old.high, reward), old.count + 1)
    }
    let groups = ranges.values.filter { $0.count > 1 }
    return groups.isEmpty ? nil : Double(groups.count { $0.low == $0.high }) / Double(groups.count)
  }

  /// Share of the responses that are as long as the sampler allowed, or were cut for it.
  package var capShare: Double? {
    guard !responses.isEmpty else { return nil }
    let long = responses.count { $0.finish == .length || tokenLimit > 0 && $0.length >= tokenLimit }
    return Double(long) / Double(responses.count)
  }

  private var rewards: [(name: String, value: Double)] {
    var list: [(name: String, value: Double)] = []
    // The mean of the total is the trainer's own `reward_mean`.
    let total = Self.spread(responses.compactMap(\.reward))
    if let total { list += [("reward_std", total.deviation), ("reward_min", total.low), ("reward_max", total.high)] }
    for (place, name) in components.enumerated() {
      let values = responses.compactMap { $0.components.indices.contains(place) ? $0.components[place] : nil }
      guard let part = Self.spread(values) else { continue }
      list += [
        ("component.\(name)", part.mean), ("component.\(name).std", part.deviation),
        ("component.\(name).min", part.low), ("component.\(name).max", part.high),
      ]
    }
    if let zeroVarianceShare { list.append(("zero_variance_share", zeroVarianceShare)) }
    return list
  }

  private var passing: [(name: String, value: Double)] {
    var list: [(name: String, value: Double)] = []
    let judged = responses.filter { $0.passes != nil }
    if !judged.isEmpty {
      list.append(("pass_rate", Double(judged.count { $0.passes == true }) / Double(responses.count)))
    }
    for (name, passes) in [("response_length_correct", true), ("response_length_wrong", false)] {
      let lengths = judged.filter { $0.passes == passes }.map { Double($0.length) }
      if let mean = Self.spread(lengths)?.mean { list.append((name, mean)) }
    }
    return list
  }

  private var endings: [(name: String, value: Double)] {
    guard !responses.isEmpty, let capShare else { return [] }
    let shares = FinishReason.allCases.map { reason in
      (
        name: "finish_\(reason.rawValue)",
        value: Double(responses.count { $0.finish == reason }) / Double(responses.count)
      )
    }
    return shares + [("length_cap_share", capShare)]
  }

  private var ages: [(name: String, value: Double)] {
    guard let ages = Self.spread(responses.compactMap { $0.staleness.map(Double.init) }) else { return [] }
    return [("staleness_mean", ages.mean), ("staleness_max", ages.high)]
  }

  /// Mean, standard deviation (of the population), least and greatest; nil of nothing. Equal values have exactly no
  /// deviation.
  private static func spread(_ values: [Double]) -> (mean: Double, deviation: Double, low: Double, high: Double)? {
    guard let first = values.first, let low = values.min(), let high = values.max() else { return nil }
    let mean = first + values.reduce(0) { $0 + ($1 - first) } / Double(values.count)
    let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    return (mean, (squares / Double(values.count)).squareRoot(), low, high)
  }
}

/// How many rollouts of the trained policy a step's rollouts are worth, which another policy may have sampled.
///
/// With weights w = π(token) / μ(token), μ the sampler and π the trained policy at the start of the step, the effective
/// sample size is (Σ w)² / Σ w² (Kong 1992), here as a share of n: 1 on the policy, 1/n where one weight is everything.
package struct ImportanceWeights: Sendable {
  /// log w of every token, and of every response the sum of its tokens'.
  private var tokens: [Double] = []
  private var responses: [Double] = []

  package init() {}

  /// Adds a response's log-probabilities.
  ///
  /// - Parameter mask: Which tokens count; nil: all. One entry a token, as the others.
  package mutating func add(old: [Float], behaviour: [Float], mask: [Bool]? = nil) {
    let logs = zip(old, behaviour).enumerated().compactMap { place, pair in
      mask?[place] ?? true ? Double(pair.0) - Double(pair.1) : nil
    }
    guard !logs.isEmpty else { return }
    tokens += logs
    responses.append(logs.reduce(0, +))
  }

  /// Names and values; empty where no response was added.
  package var values: [(name: String, value: Double)] {
    guard !tokens.isEmpty else { return [] }
    return [
      ("behaviour_effective_share", Self.effectiveShare(tokens)),
      ("behaviour_effective_share_sequence", Self.effectiveShare(responses)),
    ]
  }

  /// (Σ w)² / (n Σ w²) of weights given by their logarithms, divided by the greatest so that none overflows.
  package static func effectiveShare(_ logs: [Double]) -> Double {
    guard let greatest = logs.max() else { return .nan }
    var (sum, squares) = (0.0, 0.0)
    for log in logs {
      let weight = exp(log - greatest)
      sum += weight
      squares += weight * weight
    }
    return sum * sum / (Double(logs.count) * squares)
  }
}
