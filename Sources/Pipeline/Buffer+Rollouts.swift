package import Formats

extension Buffer {
  /// The rollout shards of a step, once all of them are there: workers of one step publish theirs one by one.
  ///
  /// - Throws: `missing` when there is none, or when some of the parts that `generate` was to make are not there yet.
  package func completeRollouts(step: Int) throws -> [Manifest] {
    let shards = try manifests(.rollouts, step: step)
    guard !shards.isEmpty else {
      throw RollbookError.missing(
        rolloutsFolder, "expected rollouts of step \(step), found none",
        hint: "run `rollbook generate --step \(step)` first")
    }
    let counts = Set(shards.compactMap { $0.action.parameters["parts"].flatMap(Int.init) })
    guard counts.count <= 1 else {
      throw RollbookError.badInput(
        rolloutsFolder, "the shards of step \(step) were cut differently: into \(counts.sorted()) parts",
        hint: "give every worker the same --groups-per-shard")
    }
    guard let count = counts.first else { return shards }
    let missing = Set(0..<count).subtracting(shards.map(\.part)).sorted()
    guard missing.isEmpty else {
      throw RollbookError.missing(
        rolloutsFolder, "step \(step) has \(shards.count) of \(count) rollout shards; missing: "
          + missing.prefix(8).map(String.init).joined(separator: ", ") + (missing.count > 8 ? ", …" : ""),
        hint: "let every generate worker of the step finish first")
    }
    return shards
  }
}
