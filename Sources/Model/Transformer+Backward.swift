import Kernels

extension Transformer {
  /// Adds the gradient of a scalar loss to `gradients`, given its derivatives with respect to what `forward` returned
  /// for the same batch just before.
  ///
  /// - Parameters:
  ///   - dLogprobs, dEntropies: one per head row.
  ///   - gradients: an arena in the parameters' layout.
  package func backward(
    _ batch: Batch, result: HeadResult, dLogprobs: [Float], dEntropies: [Float], store: KeyStore,
    into gradients: Parameters, temperature: Float = 1
  ) {
    let c = configuration, w = workspace, rows = batch.rows, layout = gradients.layout, g = gradients.arena.base
    w.dx.update(repeating: 0, count: rows * c.hidden)
    head.backward(
      w.final, batch.heads, result, dLogprobs: dLogprobs, dEntropies: dEntropies, temperature: temperature, dx: w.dx,
      dFinalNorm: g + layout.finalNorm, dHead: g + layout.head)
    for l in (0..<c.layers).reversed() {
      layerBackward(l, batch, store: store, at: layout.layers[l], g)
    }
    for (row, token) in batch.tokens.enumerated() {
      add(g + layout.embedding + Int(token) * c.hidden, w.dx + row * c.hidden, count: c.hidden)
    }
  }

  /// One layer, its parts in the opposite order of `layersForward`. w.dx holds the gradient of the layer's output and
  /// becomes that of its input.
  private func layerBackward(_ l: Int, _ batch: Batch, store: KeyStore, at p: ParameterLayout.Layer, _ g: FloatPointer) {
    let c = configuration, w = workspace, rows = batch.rows, layer = weights.layers[l]
    // next = middle + gated · downᵀ
    matmul.inputGradient(w.dx, rows: rows, layer.down, w.dgated)
    SwiGLU.backward(pool, w.gateUp(l), dy: w.dgated, w.gated, rows: rows, width: c.intermediate)
    matmul.weightGradient(w.dx, rows: rows, outputs: c.hidden, w.gated, inputs: c.intermediate, g + p.down)
    // gateUp = norm(middle) · gateUpᵀ
    RMSNorm.forward(
      pool, w.middle(l), weight: layer.postNorm, w.normed, rstd: nil, rows: rows, width: c.hidden,
      epsilon: c.normEpsilon)
    matmul.weightGradient(
      w.gateUp(l), rows: rows, outputs: 2 * c.intermediate, w.normed, inputs: c.hidden, g + p.gateUp)
    matmul.inputGradient(w.gateUp(l), rows: rows, layer.gateUp, w.dnormed)
    RMSNorm.backward(
      pool, w.middle(l), weight: layer.postNorm, rstd: w.middleScale(l), dy: w.dnormed, dx: w.dx,
      dweight: g + p.postNorm, partial: partial.base, rows: rows, width: c.hidden)
    // middle = x + attended · outputᵀ
    matmul.weightGradient(w.dx, rows: rows, outputs: c.hidden, w.attended(l), inputs: c.queryWidth, g + p.output)
    matmul.inputGradient(w.dx, rows: rows, layer.output, w.dattended)
    attentionBackward(layer: l, batch, store: store)
    Rotary.apply(
      pool, w.dqkv, stride: c.queryKeyValue, cosine: w.cosine, sine: w.sine, rows: rows,
      heads: c.heads + c.keyValueHeads, dimensions: c.headDimensions, backward: true)
    headsBackward(l, rows: rows, at: p, g)
    // qkv = norm(x) · qkvᵀ
    RMSNorm.forward(
      pool, w.x(l), weight: layer.inputNorm, w.normed, rstd: nil, rows: rows, width: c.hidden, epsilon: c.normEpsilon)
    matmul.weightGradient(w.dqkv, rows: rows, outputs: c.queryKeyValue, w.normed, inputs: c.hidden, g + p.qkv)
    matmul.inputGradient(w.dqkv, rows: rows, layer.qkv, w.dnormed)
    RMSNorm.backward(
      pool, w.x(l), weight: layer.inputNorm, rstd: w.inputScale(l), dy: w.dnormed, dx: w.dx,
      dweight: g + p.inputNorm, partial: partial.base, rows: rows, width: c.hidden)
  }

  /// The opposite of `adjustHeads`.
  private func headsBackward(_ l: Int, rows: Int, at p: ParameterLayout.Layer, _ g: FloatPointer) {
    let c = configuration, w = workspace, layer = weights.layers[l]
    if let query = layer.queryNorm, let key = layer.keyNorm, let dquery = p.queryNorm, let dkey = p.keyNorm {
      headNorm.backward(
        pool, raw: w.rawQueryKey(l), rstd: w.headScale(l), query: query, key: key, dx: w.dqkv,
        stride: c.queryKeyValue, dquery: g + dquery, dkey: g + dkey, scratch: partial.base, rows: rows)
    }
    if let bias = p.qkvBias { Bias.backward(pool, dy: w.dqkv, dbias: g + bias, rows: rows, width: c.queryKeyValue) }
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
