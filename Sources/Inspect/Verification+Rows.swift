import Formats

// `--deep`: every value decoded, and what refers to a rollout refers to one that is there.

extension Verification {
  mutating func checkRows(_ manifest: Manifest, _ path: String) throws {
    switch manifest.kind {
    case .rollouts: try checkRollouts(RolloutShardReader(path: path), manifest)
    case .scores:
      let reader = try ScoreShardReader(path: path)
      try each(reader) { verification, row, place in
        verification.checkReference(row.rollout, place)
        verification.checkStep(row.step, manifest, place)
      }
    case .updates:
      let reader = try UpdateShardReader(path: path)
      // Their step is the rollout's, which training may reuse in later steps.
      try each(reader) { verification, row, place in verification.checkReference(row.rollout, place) }
    case .checkpoint: break
    }
  }

  private mutating func checkRollouts(_ reader: RolloutShardReader, _ manifest: Manifest) throws {
    try each(reader) { verification, row, place in
      if !verification.rollouts.insert(row.id).inserted {
        verification.problem(place, "expected each rollout once, found \(row.id) again")
      }
      verification.checkStep(row.step, manifest, place)
    }
  }

  /// A batch that cannot be decoded is one problem; the others are still read.
  private mutating func each<Codec: ShardCodec>(
    _ reader: ShardReader<Codec>, _ body: (inout Verification, Codec.Row, String) -> Void
  ) throws {
    for batch in 0..<reader.batchCount {
      collecting { verification in
        for (number, row) in try reader.rows(batch: batch).enumerated() {
          body(&verification, row, "\(reader.path), batch \(batch), row \(number)")
        }
      }
    }
  }

  private mutating func checkReference(_ rollout: RolloutID, _ place: String) {
    guard !rollouts.contains(rollout) else { return }
    problem(place, "expected a rollout of this buffer, found the id \(rollout), which no rollout shard has")
  }

  private mutating func checkStep(_ step: Int, _ manifest: Manifest, _ place: String) {
    guard step != manifest.step else { return }
    problem(place, "expected step \(manifest.step) as its manifest says, found \(step)")
  }
}
