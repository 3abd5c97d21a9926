/// A prompt and a response to be computed.
package struct PackedSequence: Sendable {
  package var prompt: [Int32]
  package var response: [Int32]
  /// Neighbours of the same number and prompt are a family: their prompt is computed once.
  package var family: Int
  /// Neighbours of a family with the same number are never put into different batches.
  package var together: Int

  package init(prompt: [Int32], response: [Int32], family: Int, together: Int) {
    (self.prompt, self.response, self.family, self.together) = (prompt, response, family, together)
  }
}

/// Sequences that are computed at once: whole responses, each prompt once per batch, and what groups of prompts begin
/// with once as well.
package struct PackedBatch: Sendable {
  package private(set) var batch = Batch()
  /// Indices of the sequences, and the head rows of each: one per response token, or one for its score.
  package private(set) var sequences: [Int] = []
  package private(set) var ranges: [Range<Int>] = []

  /// Responses to one prompt that stay in one batch.
  private struct Unit {
    var members: [Int]
    var beginning: Int?
    /// Without the beginning's.
    var rows: Int
  }

  /// Cuts sequences into as few batches of at most `limit` rows as their order allows, and those as even as possible:
  /// sorted by what they begin with, long ones first. A unit that is longer than the limit gets a batch of its own.
  /// - Parameter scored: whether a score of each response is wanted instead of its tokens' probabilities.
  package static func pack(_ sequences: [PackedSequence], limit: Int, scored: Bool = false) -> [PackedBatch] {
    let families = runs(sequences.indices) {
      sequences[$0].family == sequences[$1].family && sequences[$0].prompt == sequences[$1].prompt
    }
    let beginnings = Beginnings(families.map { sequences[$0[0]].prompt })
    let sizes = beginnings.list.map(\.count)
    var units = zip(families, beginnings.of).flatMap { family, beginning in
      cut(family, sequences, beginning: beginning, shared: beginning.map { sizes[$0] } ?? 0, limit: limit,
        scored: scored)
    }
    let keys = units.map { (beginnings.rank($0.beginning), -$0.rows) }
    units = units.indices.sorted { keys[$0] == keys[$1] ? $0 < $1 : keys[$0] < keys[$1] }.map { units[$0] }
    let fewest = cuts(units, sizes, limit: limit).count
    // The smallest limit that needs no more batches makes the largest batch as small as it can be.
    var low = 1, high = limit
    while low < high {
      let middle = (low + high) / 2
      if cuts(units, sizes, limit: middle).count <= fewest { high = middle } else { low = middle + 1 }
    }
    let batches = cuts(units, sizes, limit: high).map { PackedBatch(units[$0], sequences, beginnings, scored) }
    // The largest first: memory is taken once.
    return batches.enumerated().sorted { ($1.element.batch.rows, $0.offset) < ($0.element.batch.rows, $1.offset) }
      .map(\.element)
  }

  /// A family, cut where a batch of its own would be too long.
  private static func cut(
    _ family: [Int], _ sequences: [PackedSequence], beginning: Int?, shared: Int, limit: Int, scored: Bool
  ) -> [Unit] {
    let prompt = sequences[family[0]].prompt.count - shared
    var units: [Unit] = []
    for members in runs(family[...], { sequences[$0].together == sequences[$1].together }) {
      let rows = members.reduce(0) { $0 + sequences[$1].response.count - (scored ? 0 : 1) }
      if let last = units.last, shared + last.rows + rows <= limit {
        units[units.count - 1].members += members
        units[units.count - 1].rows += rows
      } else {
        units.append(Unit(members: members, beginning: beginning, rows: prompt + rows))
      }
    }
    return units
  }

  /// Fills one batch after the other.
  private static func cuts(_ units: [Unit], _ sizes: [Int], limit: Int) -> [Range<Int>] {
    var cuts: [Range<Int>] = []
    var start = 0, rows = 0
    for (index, unit) in units.enumerated() {
      let isNew = index == start || units[index - 1].beginning != unit.beginning
      let shared = unit.beginning.map { sizes[$0] } ?? 0
      if index > start, rows + unit.rows + (isNew ? shared : 0) > limit {
        cuts.append(start..<index)
        (start, rows) = (index, shared + unit.rows)
      } else {
        rows += unit.rows + (isNew ? shared : 0)
      }
    }
    if start < units.count { cuts.append(start..<units.count) }
    return cuts
  }

  private init(_ units: ArraySlice<Unit>, _ all: [PackedSequence], _ beginnings: Beginnings, _ scored: Bool) {
    var segments: [Int: Int] = [:]
    for unit in units {
      if let beginning = unit.beginning, segments[beginning] == nil {
        segments[beginning] = batch.append(shared: beginnings.list[beginning])
      }
      let prompt = all[unit.members[0]].prompt, responses = unit.members.map { all[$0].response }
      let shared = unit.beginning.flatMap { segments[$0] }
      ranges +=
        scored
        ? batch.append(prompt: prompt, scored: responses, after: shared)
        : batch.append(prompt: prompt, responses: responses, after: shared)
      sequences += unit.members
    }
  }

  /// Neighbours for which `same` holds.
  private static func runs<C: Collection<Int>>(_ indices: C, _ same: (Int, Int) -> Bool) -> [[Int]] {
    indices.reduce(into: []) { runs, index in
      if let last = runs.last?.last, same(last, index) { runs[runs.count - 1].append(index) } else { runs.append([index]) }
    }
  }
}

extension Beginnings {
  /// Sorts sequences that share nothing behind those that do.
  fileprivate func rank(_ beginning: Int?) -> Int { beginning ?? list.count }
}
