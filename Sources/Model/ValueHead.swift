package import Formats
package import Kernels

/// A linear head on the final norm that says one number per row: a critic's values, a reward model's reward.
/// value = weight · hidden + bias.
package final class ValueHead: @unchecked Sendable {
  /// weight [hidden], then bias [1]; gradients and moments have the same layout.
  package let arena: Arena
  package let entries: [ParameterLayout.Entry]
  private let hidden: Int
  fileprivate var weight: FloatPointer { arena.base }
  fileprivate var bias: FloatPointer { arena.base + entries[1].offset }
  /// Rows of the forward pass and their gradients.
  private var rows = Arena(count: 0)

  /// Zeros, as a value head begins.
  package init(_ c: ModelConfiguration) {
    var plan = ArenaPlan()
    hidden = c.hidden
    entries = [
      .init(name: "value.weight", shape: [c.hidden], offset: plan.region(c.hidden)),
      .init(name: "value.bias", shape: [1], offset: plan.region(1)),
    ]
    arena = Arena(count: plan.count)
  }

  /// Reads a head as a checkpoint holds it.
  /// - Throws: `missing` or `badInput` naming the tensor.
  package convenience init(_ c: ModelConfiguration, from source: any TensorSource) throws {
    self.init(c)
    for entry in entries {
      try source.read(entry.name, into: UnsafeMutableBufferPointer(start: arena.base + entry.offset, count: entry.count))
    }
  }

  fileprivate struct Regions {
    /// (R, H) rows of the residual stream, the same normed, gradients of both; (R) reciprocal norms.
    let x, normed, dnormed, dx, scale: FloatPointer
  }

  fileprivate func regions(_ count: Int) -> Regions {
    var plan = ArenaPlan()
    let places = (0..<4).map { _ in plan.region(count * hidden) }, scale = plan.region(count)
    if rows.count < plan.count { rows = Arena(count: plan.count) }
    let at = places.map { rows.base + $0 }
    return Regions(x: at[0], normed: at[1], dnormed: at[2], dx: at[3], scale: rows.base + scale)
  }
}

/// The derivatives of a loss by a head's values, and where those by the head's own parameters are added.
package struct ValueGradient {
  let head: ValueHead
  /// One per head row.
  let values: [Float]
  let gradients: ValueHead

  package init(_ head: ValueHead, values: [Float], into gradients: ValueHead) {
    (self.head, self.values, self.gradients) = (head, values, gradients)
  }
}

extension Transformer {
  /// The head's value of every head row of the batch; their targets do not matter.
  /// - Parameter saves: keeps what `backward` needs.
  package func values(_ batch: Batch, _ head: ValueHead, store: KeyStore, saves: Bool = false) -> [Float] {
    store.reserve(batch.segments, backward: saves)
    if saves { nameRows(batch) }
    layersForward(tokens: batch.tokens, chunks: batch.chunks, store: store, saves: saves)
    return values(batch, head)
  }

  /// The head's values for the batch that was computed just before.
  package func values(_ batch: Batch, _ head: ValueHead) -> [Float] {
    let r = normed(batch, head), h = configuration.hidden
    return batch.heads.indices.map { j in
      // In double, in a fixed order: a product of one column is not among those whose rows are known to be invariant.
      var sum = Double(head.bias.pointee)
      for i in 0..<h { sum += Double(r.normed[j * h + i]) * Double(head.weight[i]) }
      return Float(sum)
    }
  }

  /// Adds the gradient of a loss, given its derivatives by what `values` returned for the same batch just before
  /// (with `saves`), to `gradients` and, for weight and bias, to `headGradients`.
  package func backward(
    _ batch: Batch, dValues: [Float], _ head: ValueHead, store: KeyStore, into gradients: GradientSink,
    headGradients: ValueHead
  ) {
    workspace.dx.update(repeating: 0, count: batch.rows * configuration.hidden)
    addValues(batch, ValueGradient(head, values: dValues, into: headGradients), gradients)
    trunkBackward(batch, store: store, into: gradients)
  }

  /// Adds what comes through a head to the gradient of the residual stream.
  func addValues(_ batch: Batch, _ gradient: ValueGradient, _ gradients: GradientSink) {
    let w = workspace, h = configuration.hidden, count = batch.heads.count
    let head = gradient.head, r = normed(batch, head)
    for j in 0..<count {
      let d = gradient.values[j]
      gradient.gradients.bias.pointee += d
      for i in 0..<h {
        gradient.gradients.weight[i] += d * r.normed[j * h + i]
        r.dnormed[j * h + i] = d * head.weight[i]
      }
    }
    r.dx.update(repeating: 0, count: count * h)
    RMSNorm.backward(
      pool, r.x, weight: weights.finalNorm, rstd: r.scale, dy: r.dnormed, dx: r.dx,
      dweight: gradients.at(\.finalNorm) ?? unwanted.base, partial: partial.base, rows: count, width: h)
    for (j, row) in batch.heads.enumerated() { add(w.dx + Int(row.row) * h, r.dx + j * h, count: h) }
  }

  private func normed(_ batch: Batch, _ head: ValueHead) -> ValueHead.Regions {
    let h = configuration.hidden, r = head.regions(batch.heads.count)
    for (j, row) in batch.heads.enumerated() {
      (r.x + j * h).update(from: workspace.final + Int(row.row) * h, count: h)
    }
    RMSNorm.forward(
      pool, r.x, weight: weights.finalNorm, r.normed, rstd: r.scale, rows: batch.heads.count, width: h,
      epsilon: configuration.normEpsilon)
    return r
  }
}
