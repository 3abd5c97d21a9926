/// The verdict on one response.
package struct RewardOutput: Equatable, Sendable {
  /// nil = not scored: the reward does not apply (no answer to compare with, no reference length, …). A response
  /// that is simply wrong gets a number.
  package var value: Double?
  /// What the reward read off the response, for people who look at rollouts; at most ``extractedLimit`` bytes.
  package var extracted: String?

  /// Longer extracts are cut here and marked with "…".
  package static let extractedLimit = 256

  package init(_ value: Double?, extracted: String? = nil) {
    self.value = value
    self.extracted = extracted
  }

  package init(_ value: Double?, extracted bytes: some Collection<UInt8>) {
    self.value = value
    let cut = bytes.count > Self.extractedLimit
    extracted = String(decoding: bytes.prefix(Self.extractedLimit), as: UTF8.self) + (cut ? "…" : "")
  }
}

/// What makes one component of a score set: a pure ``Reward``, or a program, a model or a server (Sources/Score).
package protocol Scorer: Sendable {
  /// The name in specs, score sets and provenance.
  var name: String { get }
  /// Counts up with every change of any verdict, so that stored scores say which rule made them.
  var version: Int { get }
  /// Every setting, explicit, for provenance; a program's or a model's digest is among them.
  var parameters: [(name: String, value: String)] { get }
  /// Whether the value 1 means that the answer is right.
  var judgesCorrectness: Bool { get }
  /// Whether a verdict depends on what was scored before: rows are scored once, in order, and never again in silence.
  var isStateful: Bool { get }
  /// About how many responses it is given at once; what is scored is kept as often.
  var rowsAtOnce: Int { get }
  /// What of the inputs must be filled in.
  var needs: RewardNeeds { get }
  /// One verdict for each response of each group (all responses of a prompt in a step), in order.
  /// - Throws: What the program, model or server met; pure rewards throw nothing.
  func score(groups: [[RewardInput]]) throws -> [[RewardOutput]]
}

extension Scorer {
  package var parameters: [(name: String, value: String)] { [] }
  package var judgesCorrectness: Bool { false }
  package var isStateful: Bool { false }
  package var rowsAtOnce: Int { 512 }
  package var needs: RewardNeeds { [] }
}

/// A scoring function: pure, total and linear in the text. Same inputs, same verdict, on any machine.
///
/// To add one: a file with the type, a row in ``RewardRegistry/table``, and a row in the tests.
package protocol Reward: Scorer {
  /// One verdict for each response of one group, in order.
  func score(_ group: [RewardInput]) -> [RewardOutput]
}

extension Reward {
  package func score(groups: [[RewardInput]]) -> [[RewardOutput]] {
    groups.map { (group: [RewardInput]) -> [RewardOutput] in score(group) }
  }
}

/// A reward that looks at one response at a time.
package protocol RolloutReward: Reward {
  func score(_ input: RewardInput) -> RewardOutput
}

extension RolloutReward {
  package func score(_ group: [RewardInput]) -> [RewardOutput] {
    group.map { (input: RewardInput) -> RewardOutput in score(input) }
  }
}
