import Kernels

extension Transformer {
  /// Adds the gradient of a scalar loss to `gradients`, given its derivatives with respect to what `forward` returned
  /// for the same batch just before.
  ///
  /// - Parameters:
  ///   - dLogprobs, dEntropies: one per head row.
  ///   - values: of a value head on the same trunk.
  ///   - gradients: where they are added: all parameters, or an adapter's alone.
  package func backward(
    _ batch: Batch, result: HeadResult, dLogprobs: [Float], dEntropies: [Float], values: ValueGradient? = nil,
    store: KeyStore, into gradients: GradientSink, temperature: Float = 1
  ) {
    let w = workspace
    w.dx.update(repeating: 0, count: batch.rows * configuration.hidden)
    head.backward(
      w.final, batch.heads, result, dLogprobs: dLogprobs, dEntropies: dEntropies, temperature: temperature, dx: w.dx,
      dFinalNorm: gradients.at(\.finalNorm) ?? unwanted.base, dHead: gradients.at(\.head))
    if let values { addValues(batch, values, gradients) }
    trunkBackward(batch, store: store, into: gradients)
  }

  package func backward(
    _ batch: Batch, result: HeadResult, dLogprobs: [Float], dEntropies: [Float], store: KeyStore,
    into gradients: Parameters, temperature: Float = 1
  ) {
    backward(
      batch, result: result, dLogprobs: dLogprobs, dEntropies: dEntropies, store: store,
      into: GradientSink(parameters: gradients), temperature: temperature)
  }

  /// From the gradient of the residual stream after the last layer, in w.dx, to all that lies before it.
  func trunkBackward(_ batch: Batch, store: KeyStore, into gradients: GradientSink) {
    let c = configuration
    for l in (gradients.lowestLayer..<c.layers).reversed() {
      // The last layer's activations are still there.
      if workspace.recomputes, l < c.layers - 1 {
        layerForward(l, rows: batch.rows, chunks: batch.chunks, store: store)
      }
      layerBackward(l, batch, store: store, gradients)
    }
    guard let embedding = gradients.at(\.embedding) else { return }
    for (row, token) in batch.tokens.enumerated() {
      add(embedding + Int(token) * c.hidden, workspace.dx + row * c.hidden, count: c.hidden)
    }
  }

  /// One layer, its parts in the opposite order of `layersForward`. w.dx holds the gradient of the layer's output and
  /// becomes that of its input.
  private func layerBackward(_ l: Int, _ batch: Batch, store: KeyStore, _ g: GradientSink) {
    let c = configuration, w = workspace, rows = batch.rows, layer = weights.layers[l]
    // next = middle + gated · downᵀ
    inputGradient(w.dx, rows: rows, l, .down, w.dgated)
    SwiGLU.backward(pool, w.gateUp(l), dy: w.dgated, w.gated, rows: rows, width: c.intermediate)
    weightGradient(w.dx, rows: rows, l, .down, w.gated, g)
    // gateUp = norm(middle) · gateUpᵀ
    RMSNorm.forward(
      pool, w.middle(l), weight: layer.postNorm, w.normed, rstd: nil, rows: rows, width: c.hidden,
      epsilon: c.normEpsilon)
    weightGradient(w.gateUp(l), rows: rows, l, .gateUp, w.normed, g)
    inputGradient(w.gateUp(l), rows: rows, l, .gateUp, w.dnormed)
    RMSNorm.backward(
      pool, w.middle(l), weight: layer.postNorm, rstd: w.middleScale(l), dy: w.dnormed, dx: w.dx,
      dweight: g.at(l, \.postNorm) ?? unwanted.base, partial: partial.base, rows: rows, width: c.hidden)
    // middle = x + attended · outputᵀ
    weightGradient(w.dx, rows: rows, l, .output, w.attended(l), g)
    inputGradient(w.dx, rows: rows, l, .output, w.dattended)
    attentionBackward(layer: l, batch, store: store)
    Rotary.apply(
      pool, w.dqkv, stride: c.queryKeyValue, cosine: w.cosine, sine: w.sine, rows: rows,
      heads: c.heads + c.keyValueHeads, dimensions: c.headDimensions, backward: true)
    headsBackward(l, rows: rows, g)
    // qkv = norm(x) · qkvᵀ
    RMSNorm.forward(
      pool, w.x(l), weight: layer.inputNorm, w.normed, rstd: nil, rows: rows, width: c.hidden, epsilon: c.normEpsilon)
    weightGradient(w.dqkv, rows: rows, l, .qkv, w.normed, g)
    inputGradient(w.dqkv, rows: rows, l, .qkv, w.dnormed)
    RMSNorm.backward(
      pool, w.x(l), weight: layer.inputNorm, rstd: w.inputScale(l), dy: w.dnormed, dx: w.dx,
      dweight: g.at(l, \.inputNorm) ?? unwanted.base, partial: partial.base, rows: rows, width: c.hidden)
  }

  /// The opposite of `adjustHeads`.
  private func headsBackward(_ l: Int, rows: Int, _ g: GradientSink) {
    let c = configuration, w = workspace, layer = weights.layers[l]
    if let query = layer.queryNorm, let key = layer.keyNorm {
      headNorm.backward(
        pool, raw: w.rawQueryKey(l), rstd: w.headScale(l), query: query, key: key, dx: w.dqkv,
        stride: c.queryKeyValue, dquery: g.at(l, \.queryNorm) ?? unwanted.base,
        dkey: g.at(l, \.keyNorm) ?? unwanted.base, scratch: partial.base, rows: rows)
    }
    if let dbias = g.at(l, \.qkvBias) {
      Bias.backward(pool, dy: w.dqkv, dbias: dbias, rows: rows, width: c.queryKeyValue)
    }
  }

  /// dqkv from dattended. A prompt and its responses are one task per key/value head, since all of them add to the
  /// prompt's keys; their order within is fixed.
  private func attentionBackward(layer l: Int, _ batch: Batch, store: KeyStore) {
    let heads = configuration.keyValueHeads
    let families = Dictionary(grouping: batch.chunks) { batch.root(of: $0.segment) }
      .sorted { $0.key < $1.key }.map(\.value)
    pool.run(parts: families.count * heads) { part, thread in
      let family = families[part / heads], head = part % heads
      for chunk in family { packForBackward(chunk, layer: l, head: head, store: store) }
      for chunk in family { rowsBackward(chunk, layer: l, head: head, store: store, thread: thread) }
      for chunk in family { unpackGradients(chunk, head: head, store: store) }
    }
  }

  private func packForBackward(_ chunk: Chunk, layer l: Int, head: Int, store: KeyStore) {
    let c = configuration, stride = c.queryKeyValue, attention = store.attention
    let s = store.keys(layer: l, segment: chunk.segment, head: head)
    let k = workspace.qkv(l) + chunk.row * stride + (c.heads + head) * c.headDimensions
    let v = k + c.keyValueHeads * c.headDimensions
    attention.pack(
      k, stride: stride, rows: chunk.count, first: chunk.position, origin: s.first, blocked: s.keysBlocked,
      byRows: s.keys)
    attention.pack(
      v, stride: stride, rows: chunk.count, first: chunk.position, origin: s.first, blocked: s.valuesBlocked,
      byRows: nil)
    store.clearGradients(segment: chunk.segment, head: head)
  }

  private func rowsBackward(_ chunk: Chunk, layer l: Int, head: Int, store: KeyStore, thread: Int) {
    let c = configuration, w = workspace, attention = store.attention, dim = c.headDimensions
    let chain = store.chain(layer: l, segment: chunk.segment, head: head)
    let first = head * attention.heads
    for i in 0..<chunk.count {
      let row = chunk.row + i
      let q = row * c.queryKeyValue + first * dim, o = row * c.queryWidth + first * dim
      attention.backward(
        w.qkv(l) + q, position: chunk.position + i, chain: chain,
        scratch: scores[thread].base, out: w.attended(l) + o, logSumExp: w.logSumExp(l) + row * c.heads + first,
        dout: w.dattended + o, dq: w.dqkv + q)
    }
  }

  private func unpackGradients(_ chunk: Chunk, head: Int, store: KeyStore) {
    let c = configuration, width = store.attention.width, dim = c.headDimensions
    let s = store.keys(layer: 0, segment: chunk.segment, head: head)
    for i in 0..<chunk.count {
      let at = (chunk.position + i - s.first) * width
      let k = w(chunk.row + i, head), v = k + c.keyValueHeads * dim
      k.update(from: s.keyGradients! + at, count: dim)
      v.update(from: s.valueGradients! + at, count: dim)
    }
    func w(_ row: Int, _ head: Int) -> FloatPointer {
      workspace.dqkv + row * c.queryKeyValue + (c.heads + head) * dim
    }
  }
}
