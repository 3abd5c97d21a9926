import Formats

/// What became of one file.
struct ImportReport: Sendable {
  var path: String
  var format: String
  var rows = 0
  /// Rows with a score in at least one set.
  var scored = 0
  var skipped = 0
  /// The first reasons for which lines were passed over.
  var reasons: [String] = []
  /// Rollout shards by name.
  var shards: [String] = []
  var steps: [Int] = []
  var sets: [String] = []
  /// Whether it had been imported before, and nothing was done.
  var isOld = false

  static let reasonLimit = 5

  init(path: String, format: String) {
    self.path = path
    self.format = format
  }

  var sentence: String {
    let bad = skipped == 0 ? "" : ", \(skipped) bad line\(skipped == 1 ? "" : "s") passed over"
    guard rows > 0 else { return "\(path): nothing to import\(bad)" }
    let named = steps.prefix(4).map(String.init).joined(separator: ", ") + (steps.count > 4 ? ", …" : "")
    let sets = sets.isEmpty ? "no scores" : "scores in \(sets.map { "'\($0)'" }.joined(separator: ", "))"
    return "\(isOld ? "already imported: " : "")\(path) (\(format)): \(rows) rollouts in \(shards.count) "
      + "shard\(shards.count == 1 ? "" : "s") of step \(named), \(sets)\(bad)"
  }

  var json: JSON {
    [
      "file": .string(path), "format": .string(format), "rollouts": .int(rows), "scored": .int(scored),
      "skipped": .int(skipped), "reasons": .array(reasons.map { .string($0) }), "already": .bool(isOld),
      "steps": .array(steps.map { .int($0) }), "sets": .array(sets.map { .string($0) }),
      "shards": .array(shards.map { .string($0) }),
    ]
  }
}
