package import Formats

/// The rollouts of a buffer with their rows in some score sets, one after another by step, part and place in the shard:
/// no more than a batch of each shard is in memory.
package struct ScoredRollouts {
  /// One rollout, and of each set what it says of it.
  package struct Row {
    package let rollout: RolloutSummary
    /// "" unless texts were asked for.
    package let text: String
    /// Parallel to the sets; nil where a set has no row.
    package let scores: [Values?]

    /// Neighbours of one key compete with each other.
    var group: Group { Group(step: rollout.step, number: rollout.group, prompt: rollout.promptID) }
  }

  struct Group: Equatable {
    let step: Int
    let number: Int
    let prompt: String
  }

  package struct Values: Equatable {
    /// The total, and the components in the order of `ScoredRollouts.components`; nil where there is no value.
    package var values: [Double?]
    package var extracted: String?
  }

  /// The name of the total among the measures.
  package static let total = "reward"

  private let buffer: Buffer
  private let index: Index
  private let sets: [String]
  private let steps: Set<Int>?
  private let selected: Set<RolloutID>?
  /// Of each set, over all its shards.
  package let components: [[String]]

  /// - Parameters:
  ///   - steps: Only these; empty for all.
  ///   - selection: What it calls `reward` is that of the first set.
  /// - Throws: `RollbookError` `missing` for a set, or a step, that there is not; `usage` for a wrong selection.
  package init(_ buffer: Buffer, _ index: Index, sets: [String], steps: [Int], selection: Selection?) throws {
    for set in sets { _ = try index.chosenSet(set) }
    let stored = Set(try index.shards(kind: .rollouts).map(\.step))
    for step in steps where !stored.contains(step) {
      throw RollbookError.missing(
        buffer.rolloutsFolder, "expected rollouts of step \(step), found none",
        hint: "'rollbook ls \(buffer.root)' lists the steps there are")
    }
    let known = try index.scoreSetSummaries()
    components = sets.map { set in known.first { $0.name == set }?.components ?? [] }
    selected = try selection.map { try index.ids(where: $0, set: sets.first) }
    self.steps = steps.isEmpty ? nil : Set(steps)
    self.buffer = buffer
    self.index = index
    self.sets = sets
  }

  /// Calls `body` for every selected rollout, once: of one that is stored twice in a step, for the first.
  ///
  /// - Parameter texts: Whether the responses are wanted; their shards' bytes are then compared with their digests.
  /// - Throws: `RollbookError` `badInput` for a damaged shard, and for scores that are not of the rollouts beside them.
  package func forEach(texts: Bool = false, _ body: (Row) throws -> Void) throws {
    var scores: [[StepPart: ShardRecord]] = []
    for set in sets {
      let shards = try index.shards(kind: .scores, set: set)
      scores.append(Dictionary(shards.map { (StepPart(step: $0.step, part: $0.part), $0) }) { $1 })
    }
    var seen = Set<RolloutID>()
    var step: Int?
    for shard in try index.shards(kind: .rollouts) where steps?.contains(shard.step) ?? true {
      if step != shard.step { seen.removeAll(keepingCapacity: true) }
      step = shard.step
      let reader = try RolloutShardReader(path: texts ? intact(shard) : "\(buffer.root)/\(shard.path)")
      var columns = try sets.indices.map { set in
        try scores[set][StepPart(step: shard.step, part: shard.part)].map {
          ScoreColumn(try ScoreShardReader(path: intact($0)), components[set])
        }
      }
      for batch in 0..<reader.batchCount {
        let (rows, responses) = try Self.rows(reader, batch, texts)
        for (place, rollout) in rows.enumerated() {
          var values: [Values?] = []
          for set in sets.indices { values.append(try columns[set]?.next(rollout.id)) }
          guard selected?.contains(rollout.id) ?? true, seen.insert(rollout.id).inserted else { continue }
          try body(Row(rollout: rollout, text: texts ? responses[place] : "", scores: values))
        }
      }
    }
  }

  private struct StepPart: Hashable {
    let step: Int
    let part: Int
  }

  /// The path of a shard whose bytes are those that were published.
  private func intact(_ shard: ShardRecord) throws -> String {
    let name = shard.path.split(separator: "/").last.map(String.init) ?? shard.path
    return try buffer.intactPath(of: Manifest.read(buffer.manifestPath(shard.kind, name: name)))
  }

  private static func rows(
    _ reader: RolloutShardReader, _ batch: Int, _ texts: Bool
  ) throws -> ([RolloutSummary], [String]) {
    guard texts else { return (try reader.summaries(batch: batch), []) }
    let columns = try reader.file.batch(batch, columns: RolloutCodec.summaryColumns + ["response_text"])
    let place = "\(reader.path), batch \(batch)"
    return (
      try reader.codec.summaries(columns, place: place),
      try reader.codec.decode(columns, place: place).map(\.responseText)
    )
  }
}

/// The rows of a score shard, in step with those of its rollout shard.
private struct ScoreColumn {
  private let reader: ScoreShardReader
  /// Where the set's components are in this shard; nil for those that it has not.
  private let places: [Int?]
  private var rows: [ScoreRow] = []
  private var place = 0
  private var batch = 0

  init(_ reader: ScoreShardReader, _ components: [String]) {
    self.reader = reader
    places = components.map { reader.components.firstIndex(of: $0) }
  }

  /// The row of the next rollout; nil after the end of what was scored, which a salvaged shard has.
  mutating func next(_ id: RolloutID) throws -> ScoredRollouts.Values? {
    while place == rows.count, batch < reader.batchCount {
      rows = try reader.rows(batch: batch)
      (place, batch) = (0, batch + 1)
    }
    guard place < rows.count else { return nil }
    let row = rows[place]
    guard row.rollout == id else {
      throw RollbookError.badInput(
        reader.path, "expected the rollouts of its shard in their order: \(id), found \(row.rollout)",
        hint: "score the step anew into another set; see 'rollbook verify --deep'")
    }
    place += 1
    let values = [row.reward] + places.map { $0.flatMap { row.components[$0] } }
    return ScoredRollouts.Values(values: values, extracted: row.extracted)
  }
}
