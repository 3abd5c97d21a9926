package import Kernels

/// The distributions of a batch's head rows under the weights as they were, in a form that they can be computed from
/// again: normed rows of the residual stream and log-normalisers.
package struct HeadDistributions {
  /// (rows, hidden)
  fileprivate let normed: Arena
  fileprivate let logNormalizers: [Float]
}

extension Transformer {
  /// Of the batch that was computed just before, with its result.
  package func distributions(_ batch: Batch, _ result: HeadResult) -> HeadDistributions {
    let count = batch.heads.count * configuration.hidden, copy = Arena(count: count)
    copy.base.update(from: head.gatherNormed(workspace.final, batch.heads), count: count)
    return HeadDistributions(normed: copy, logNormalizers: result.logNormalizers)
  }

  /// KL(old ‖ new) of every head row over the whole vocabulary, in nats; new is the batch computed just before.
  ///
  /// - Parameters:
  ///   - weight: the head's matrix [vocabulary, hidden] that the old distributions belong to.
  package func divergence(
    from old: HeadDistributions, weight: ConstFloatPointer, _ batch: Batch, _ result: HeadResult, temperature: Float
  ) -> [Double] {
    head.divergence(
      old, weight: weight, now: head.gatherNormed(workspace.final, batch.heads), result, rows: batch.heads.count,
      scale: 1 / temperature)
  }
}

extension TokenHead {
  /// Σ p_old (log p_old − log p_new) of each row, chunk by chunk.
  fileprivate func divergence(
    _ old: HeadDistributions, weight: ConstFloatPointer, now normed: FloatPointer, _ result: HeadResult, rows: Int,
    scale: Float
  ) -> [Double] {
    let h = configuration.hidden, chunks = chunks, block = 64
    let before = Linear(inputs: h, outputs: configuration.vocabularyCount, plain: weight)
    var sums = [Double](repeating: 0, count: rows)
    sums.withUnsafeMutableBufferPointer { sums in
      nonisolated(unsafe) let sums = sums
      pool.run(parts: (rows + block - 1) / block) { part, thread in
        let first = part * block, count = min(block, rows - first)
        let panel = Arena(count: 3 * count * Self.chunk), size = count * Self.chunk
        let then = panel.base, now = panel.base + size, p = panel.base + 2 * size
        for columns in chunks {
          let width = columns.count
          matmul.columnPanel(old.normed.base + first * h, rows: count, before, columns: columns, then, thread: thread)
          matmul.columnPanel(normed + first * h, rows: count, weights.head, columns: columns, now, thread: thread)
          for i in 0..<count {
            let a = then + i * width, b = now + i * width
            let shift = result.logNormalizers[first + i] - old.logNormalizers[first + i]
            _ = Softmax.probabilities(a, count: width, scale: scale, logNormalizer: old.logNormalizers[first + i], p)
            var sum = 0.0
            for j in 0..<width { sum += Double(p[j]) * Double((a[j] - b[j]) * scale + shift) }
            sums[first + i] += sum
          }
        }
      }
    }
    return sums
  }
}
