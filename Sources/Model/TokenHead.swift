import Kernels

/// The final norm and projection to the vocabulary, with log-softmax, gather and entropy in one kernel over blocks of
/// rows and chunks of the vocabulary. A (rows × vocabulary) matrix never exists.
///
/// Backward recomputes each chunk's logits and overwrites them with their gradient: one product more than a stored
/// matrix would need (four instead of three), for memory of rows × 4096 instead of rows × vocabulary per thread.
final class TokenHead {
  /// Columns of a chunk. A row's log-normaliser is summed chunk by chunk, so this number is part of its bits.
  static let chunk = 4096
  /// Rows a thread takes at a time.
  private static let block = 256

  let configuration: ModelConfiguration
  let weights: ModelWeights
  let matmul: Matmul
  var pool: ThreadPool { matmul.pool }
  /// Gathered rows (R, H): residual stream, normed, and in backward their gradients.
  private var gathered = Arena(count: 0)
  /// Per thread (block, chunk).
  private var logits: [Arena]
  private let partial: Arena

  init(_ configuration: ModelConfiguration, weights: ModelWeights, matmul: Matmul) {
    self.configuration = configuration
    self.weights = weights
    self.matmul = matmul
    logits = (0..<matmul.pool.count).map { _ in Arena(count: 0) }
    partial = Arena(count: RMSNorm.parts * configuration.hidden)
  }

  func release() {
    gathered = Arena(count: 0)
    for thread in logits.indices { logits[thread] = Arena(count: 0) }
  }

  private struct Regions {
    let x, normed, scale, dnormed: FloatPointer
    let copies: [FloatPointer]
  }

  /// Parts of the vocabulary whose gradients of the rows are summed apart: a function of the model alone, so that the
  /// sum does not depend on the threads.
  private var backwardParts: Int { min(16, chunks.count) }

  /// Regions for R head rows; `copies` are the parts' gradients of the normed rows.
  private func regions(_ rows: Int, backward: Bool) -> Regions {
    var plan = ArenaPlan()
    let h = configuration.hidden
    let x = plan.region(rows * h), normed = plan.region(rows * h), scale = plan.region(rows)
    let dnormed = plan.region(backward ? rows * h : 0)
    let copies = backward ? (0..<backwardParts).map { _ in plan.region(rows * h) } : []
    if gathered.count < plan.count { gathered = Arena(count: plan.count) }
    let base = gathered.base
    return Regions(
      x: base + x, normed: base + normed, scale: base + scale, dnormed: base + dnormed, copies: copies.map { base + $0 })
  }

  private func gather(_ x: FloatPointer, _ rows: [HeadRow], _ r: Regions) {
    let h = configuration.hidden
    for (j, row) in rows.enumerated() { (r.x + j * h).update(from: x + Int(row.row) * h, count: h) }
    RMSNorm.forward(
      pool, r.x, weight: weights.finalNorm, r.normed, rstd: r.scale, rows: rows.count, width: h,
      epsilon: configuration.normEpsilon)
  }

  /// The normed head rows (R, H), for sampling.
  func gatherNormed(_ x: FloatPointer, _ rows: [HeadRow]) -> FloatPointer {
    let r = regions(rows.count, backward: false)
    gather(x, rows, r)
    return r.normed
  }

  private func reserveLogits(_ rows: Int) {
    let needed = rows * min(Self.chunk, configuration.vocabularyCount)
    for thread in logits.indices where logits[thread].count < needed { logits[thread] = Arena(count: needed) }
  }

  var chunks: [Range<Int>] {
    let v = configuration.vocabularyCount
    return stride(from: 0, to: v, by: Self.chunk).map { $0..<min(v, $0 + Self.chunk) }
  }

  /// x (T, H): the residual stream after the last layer.
  func forward(_ x: FloatPointer, _ rows: [HeadRow], temperature: Float) -> HeadResult {
    let count = rows.count, h = configuration.hidden, scale = 1 / temperature, chunks = chunks
    var result = HeadResult(
      logprobs: [Float](repeating: 0, count: count), entropies: [Float](repeating: 0, count: count),
      logNormalizers: [Float](repeating: 0, count: count))
    if count == 0 { return result }
    let r = regions(count, backward: false)
    gather(x, rows, r)
    let even = (count + pool.count - 1) / pool.count
    let block = max(1, min(Self.block, even))
    reserveLogits(block)
    result.logprobs.withUnsafeMutableBufferPointer { logprobs in
      result.entropies.withUnsafeMutableBufferPointer { entropies in
        result.logNormalizers.withUnsafeMutableBufferPointer { normalizers in
          nonisolated(unsafe) let (logprobs, entropies, normalizers) = (logprobs, entropies, normalizers)
          pool.run(parts: (count + block - 1) / block) { part, thread in
            let first = part * block, size = min(block, count - first), z = logits[thread].base
            var states = [Softmax](repeating: Softmax(), count: size)
            for columns in chunks {
              matmul.columnPanel(
                r.normed + first * h, rows: size, weights.head, columns: columns, z, thread: thread)
              for i in 0..<size {
                states[i].fold(z + i * columns.count, count: columns.count, scale: scale)
                let target = Int(rows[first + i].target)
                if columns.contains(target) {
                  logprobs[first + i] = z[i * columns.count + target - columns.lowerBound] * scale
                }
              }
            }
            for i in 0..<size {
              normalizers[first + i] = states[i].logNormalizer
              entropies[first + i] = states[i].entropy
              if rows[first + i].target >= 0 { logprobs[first + i] -= states[i].logNormalizer }
            }
          }
        }
      }
    }
    return result
  }

  /// Adds to dx (T, H), dFinalNorm (H) and, unless nil, dHead (vocabulary, H). A part of the vocabulary has one
  /// writer; the parts' gradients of the rows are then added in a fixed order.
  func backward(
    _ x: FloatPointer, _ rows: [HeadRow], _ result: HeadResult, dLogprobs: [Float], dEntropies: [Float],
    temperature: Float, dx: FloatPointer, dFinalNorm: FloatPointer, dHead: FloatPointer?
  ) {
    let count = rows.count, h = configuration.hidden, scale = 1 / temperature, chunks = chunks
    if count == 0 { return }
    let r = regions(count, backward: true)
    gather(x, rows, r)
    let block = min(Self.block, count)
    reserveLogits(block)
    let parts = backwardParts
    pool.run(parts: parts) { part, thread in
      let dnormed = r.copies[part]
      dnormed.update(repeating: 0, count: count * h)
      let mine = chunks[chunks.count * part / parts..<chunks.count * (part + 1) / parts]
      for columns in mine {
        for first in stride(from: 0, to: count, by: block) {
          let size = min(block, count - first)
          gradientBlock(
            rows, result, dLogprobs, dEntropies, range: first..<first + size, columns: columns, scale: scale,
            normed: r.normed + first * h, dnormed: dnormed + first * h, dHead: dHead, thread: thread)
        }
      }
    }
    for copy in r.copies.dropFirst() { add(r.copies[0], copy, count: count * h) }
    r.dnormed.update(repeating: 0, count: count * h)
    RMSNorm.backward(
      pool, r.x, weight: weights.finalNorm, rstd: r.scale, dy: r.copies[0], dx: r.dnormed, dweight: dFinalNorm,
      partial: partial.base, rows: count, width: h)
    for (j, row) in rows.enumerated() { add(dx + Int(row.row) * h, r.dnormed + j * h, count: h) }
  }

  private func gradientBlock(
    _ rows: [HeadRow], _ result: HeadResult, _ dLogprobs: [Float], _ dEntropies: [Float], range: Range<Int>,
    columns: Range<Int>, scale: Float, normed: FloatPointer, dnormed: FloatPointer, dHead: FloatPointer?, thread: Int
  ) {
    let z = logits[thread].base, h = configuration.hidden, width = columns.count
    matmul.columnPanel(normed, rows: range.count, weights.head, columns: columns, z, thread: thread)
    for (i, row) in range.enumerated() {
      let target = Int(rows[row].target)
      Softmax.gradient(
        z + i * width, count: width, scale: scale, logNormalizer: result.logNormalizers[row],
        entropy: result.entropies[row], target: columns.contains(target) ? target - columns.lowerBound : -1,
        gLogprob: dLogprobs[row], gEntropy: dEntropies[row])
    }
    matmul.rowInputGradient(z, rows: range.count, weights.head.outputs(columns), dnormed, accumulate: true, thread: thread)
    guard let dHead else { return }
    matmul.rowWeightGradient(
      z, outputs: width, rows: range.count, normed, inputs: h, dHead + columns.lowerBound * h,
      thread: thread)
  }
}
