/// Gives foreign rows their group, their number in it and their id.
///
/// Rows of one prompt in consecutive lines are one group; when the prompt comes again later, that is another group
/// whose samples are numbered on, so that STEP/PROMPT/SAMPLE stays the address of one rollout. Takes about 60 bytes of
/// memory for each prompt.
package struct RowNumbering {
  /// Of the file: ids depend on it and not on the buffer.
  private let digest: String
  /// The first group of a step that is not taken by other shards.
  private let firstGroup: (Int) throws -> Int
  private var nextGroup: [Int: Int] = [:]
  private var known: [UInt64: Known] = [:]
  private var current: (step: Int, promptID: String, group: Int, rows: Int)?

  private struct Known {
    let prompt: UInt64
    let line: Int
    var samples: Int
  }

  /// A longer run of one prompt is cut into groups of this many rows.
  package static let longestGroup = 8192

  package init(digest: String, firstGroup: @escaping (Int) throws -> Int) {
    self.digest = digest
    self.firstGroup = firstGroup
  }

  package struct Place: Equatable {
    package var step: Int
    package var promptID: String
    package var group: Int
    package var sample: Int
    package var id: RolloutID
  }

  /// Places for the responses of a row.
  ///
  /// - Throws: `RollbookError` `badInput` at `place` when the row's id named another prompt before.
  package mutating func places(of row: ForeignRow, step: Int, line: Int, place: String) throws -> [Place] {
    let name = try row.prompt.name
    let promptID = row.promptID ?? name
    let key = Self.hash("\(step)/\(promptID)")
    let prompt = Self.hash(name)
    var entry = known[key] ?? Known(prompt: prompt, line: line, samples: 0)
    guard entry.prompt == prompt else {
      throw RollbookError.badInput(
        place, "expected the prompt of id '\(promptID)' to be that of line \(entry.line), found another",
        hint: "an id names one prompt; remove the ids, and prompts are named by a digest of their text")
    }
    let group = try group(for: row, step, promptID)
    let first = row.joins ? entry.samples : 0
    entry.samples = first + row.responses.count
    known[key] = entry
    return row.responses.enumerated().map { index, response in
      let id = RolloutID.make([
        "rollbook import 1", "\(step)", promptID, "\(first + index)", response.kind, digest, "\(line)",
      ])
      return Place(step: step, promptID: promptID, group: group, sample: first + index, id: id)
    }
  }

  private mutating func group(for row: ForeignRow, _ step: Int, _ promptID: String) throws -> Int {
    if row.joins, let last = current, last.step == step, last.promptID == promptID, last.rows < Self.longestGroup {
      current?.rows += 1
      return last.group
    }
    let group = try nextGroup[step] ?? firstGroup(step)
    nextGroup[step] = group &+ 1
    current = row.joins ? (step, promptID, group, 1) : nil
    return group
  }

  private static func hash(_ text: String) -> UInt64 {
    Array(text.utf8).withUnsafeBytes { Digest.bytes($0) }.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
  }
}
