internal import Formats

/// How long a reference model's responses to each prompt are on average: what `o1-pruner:reference=given` compares
/// with (L_ref in arXiv 2501.12570).
struct LengthReference {
  /// Mean response length in tokens by prompt id.
  private(set) var lengths: [String: Double] = [:]
  private(set) var inputs: [Manifest.Input] = []

  /// Reads the lengths of a buffer's rollouts; texts and tokens are not touched.
  /// - Parameter step: only that step's; nil for all.
  init(_ buffer: Buffer, step: Int?) throws {
    let shards = try buffer.manifests(.rollouts, step: step)
    guard !shards.isEmpty else {
      throw RollbookError.missing(
        buffer.rolloutsFolder, "expected rollouts of the reference, found none",
        hint: "sample the same prompts from the reference with `rollbook generate` into that buffer")
    }
    var sums: [String: (tokens: Int, count: Int)] = [:]
    for shard in shards {
      let reader = try RolloutShardReader(path: buffer.path(of: shard))
      for batch in 0..<reader.batchCount {
        for row in try reader.summaries(batch: batch) {
          let sum = sums[row.promptID] ?? (0, 0)
          sums[row.promptID] = (sum.tokens + row.responseLength, sum.count + 1)
        }
      }
      inputs.append(Manifest.Input(role: "length reference", name: shard.name, digest: shard.digest))
    }
    lengths = sums.mapValues { Double($0.tokens) / Double($0.count) }
  }
}
