internal import Formats
internal import Objectives

/// One response to learn from.
struct Example {
  let rollout: Rollout
  let reward: Double?
  /// In the order of the step's components.
  let components: [Double?]
  /// Its group among the step's, counted from 0 over all shards.
  let group: Int
  /// One per response token, set once the step is prepared.
  var advantages: [Double] = []

  /// Which of its tokens train.
  var trains: [Bool] { rollout.responseMask ?? [Bool](repeating: true, count: rollout.responseTokens.count) }
  /// Whether it passed: the first component says 1 or more.
  var isCorrect: Bool { (components.first.flatMap { $0 } ?? reward ?? 0) >= 1 }
  /// Where it is from, for errors.
  var place: String { "rollout \(rollout.step)/\(rollout.promptID)/\(rollout.sample)" }
}

/// What a row of a rollout shard is to a recipe.
enum Role {
  /// A response that its reward judges.
  case sample
  /// A response to imitate.
  case demonstration
  /// One half of a preference.
  case chosen, rejected

  init(_ kind: String, for recipe: Recipe) {
    switch kind {
    case "chosen": self = recipe.data == .demonstrations ? .demonstration : .chosen
    case "rejected": self = .rejected
    case "demonstration", "text": self = .demonstration
    default: self = recipe.data == .demonstrations ? .demonstration : .sample
    }
  }
}

extension TrainingData {
  /// What a recipe reads of the whole step, as far as the rows say it.
  ///
  /// - Parameters:
  ///   - others: what another buffer's rollouts say of the same prompts.
  ///   - seed: of the step's draws.
  func step(_ recipe: Recipe, others: Baseline?, seed: UInt64) -> StepData {
    var data = StepData(responseLimit: max(1, maxNewTokens), seed: seed)
    var chosen: [Int: [Int]] = [:], rejected: [Int: [Int]] = [:]
    for (index, example) in examples.enumerated() {
      var response = StepData.Response(trains: example.trains, reward: example.reward, group: example.group)
      response.components = example.components
      switch Role(example.rollout.kind, for: recipe) {
      case .sample: break
      case .demonstration: response.isDemonstration = true
      case .chosen:
        chosen[example.group, default: []].append(index)
        response.isDesirable = true
      case .rejected:
        rejected[example.group, default: []].append(index)
        response.isDesirable = false
      }
      if let found = others?[example.rollout.promptID] {
        response.greedyReward = found.reward
        (response.referenceLength, response.referenceAccuracy) = (found.length, found.accuracy)
        response.isCorrect = example.isCorrect
      }
      data.responses.append(response)
    }
    // The margin of an imported preference is the difference of its scores, where both are there.
    for group in chosen.keys.sorted() {
      for c in chosen[group] ?? [] {
        for r in rejected[group] ?? [] {
          let margin = examples[c].reward.flatMap { best in examples[r].reward.map { best - $0 } } ?? 0
          data.pairs.append(Pair(chosen: c, rejected: r, margin: margin))
        }
      }
    }
    return data
  }
}
