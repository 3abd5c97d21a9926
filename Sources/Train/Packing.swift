internal import Formats
internal import Model

/// Rollouts that are computed together: whole responses, each prompt once per micro-batch, and what all prompts begin
/// with once as well.
struct MicroBatch {
  var batch = Batch()
  /// Indices of the examples, and the head rows (one per response token) of each.
  var examples: [Int] = []
  var ranges: [Range<Int>] = []

  /// Cuts examples into micro-batches of at most `limit` rows, in order; responses to one prompt stay together as far
  /// as they fit. An example longer than the limit gets a micro-batch of its own.
  static func pack(_ indices: [Int], of examples: [Example], limit: Int) -> [MicroBatch] {
    var batches: [MicroBatch] = []
    let families = families(indices, examples)
    let shared = sharedPrefix(families.map { examples[$0[0]].rollout.promptTokens })
    var current = MicroBatch()
    var segment: Int?
    func open() {
      current = MicroBatch()
      if shared > 0 {
        segment = current.batch.append(shared: Array(examples[indices[0]].rollout.promptTokens.prefix(shared)))
      }
    }
    func close() {
      if !current.examples.isEmpty { batches.append(current) }
      open()
    }
    open()
    for family in families {
      let prompt = examples[family[0]].rollout.promptTokens
      var waiting: [Int] = []
      var rows = prompt.count - shared
      func flush() {
        if waiting.isEmpty { return }
        current.ranges += current.batch.append(
          prompt: prompt, responses: waiting.map { examples[$0].rollout.responseTokens }, after: segment)
        current.examples += waiting
        waiting = []
        rows = prompt.count - shared
      }
      for index in family {
        let more = examples[index].rollout.responseTokens.count - 1
        if current.batch.rows + rows + more > limit {
          // A new micro-batch begins with what waits, if that and this fit there.
          if !waiting.isEmpty, shared + rows + more > limit || current.examples.isEmpty { flush() }
          let kept = waiting, keptRows = rows
          waiting = []
          close()
          (waiting, rows) = (kept, kept.isEmpty ? prompt.count - shared : keptRows)
        }
        waiting.append(index)
        rows += more
      }
      flush()
    }
    close()
    return batches
  }

  /// Runs of examples with the same group and prompt tokens.
  private static func families(_ indices: [Int], _ examples: [Example]) -> [[Int]] {
    var families: [[Int]] = []
    for index in indices {
      if let last = families.last?.last, examples[last].group == examples[index].group,
        examples[last].rollout.promptTokens == examples[index].rollout.promptTokens
      {
        families[families.count - 1].append(index)
      } else {
        families.append([index])
      }
    }
    return families
  }
}
