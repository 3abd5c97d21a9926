import Kernels

extension Transformer {
  /// Computes the batch's rows through all layers; keys and values go into `store`, whose segments are the batch's.
  /// The residual stream after the last layer is left in the workspace.
  func layersForward(tokens: [Int32], chunks: [Chunk], store: KeyStore, saves: Bool) {
    let c = configuration, rows = tokens.count
    reserve(rows: rows, saves: saves)
    let w = workspace
    reserveScores(store, end: chunks.reduce(0) { max($0, $1.position + $1.count) })
    rotary.gather(chunks, cosine: w.cosine, sine: w.sine)
    for (row, token) in tokens.enumerated() {
      (w.x(0) + row * c.hidden).update(from: weights.embedding + Int(token) * c.hidden, count: c.hidden)
    }
    for l in 0..<c.layers { layerForward(l, rows: rows, chunks: chunks, store: store) }
  }

  /// One layer, from its input in the workspace to the next one's.
  func layerForward(_ l: Int, rows: Int, chunks: [Chunk], store: KeyStore) {
    let c = configuration, w = workspace, saves = w.saves
    let layer = weights.layers[l], x = w.x(l), middle = w.middle(l)
    let next = saves ? (l + 1 < c.layers ? w.x(l + 1) : w.final) : x
    RMSNorm.forward(
      pool, x, weight: layer.inputNorm, w.normed, rstd: w.inputScale(l), rows: rows, width: c.hidden,
      epsilon: c.normEpsilon)
    product(w.normed, rows: rows, l, .qkv, w.qkv(l))
    adjustHeads(l, rows: rows)
    Rotary.apply(
      pool, w.qkv(l), stride: c.queryKeyValue, cosine: w.cosine, sine: w.sine, rows: rows,
      heads: c.heads + c.keyValueHeads, dimensions: c.headDimensions)
    attentionForward(layer: l, chunks: chunks, store: store)
    if saves { middle.update(from: x, count: rows * c.hidden) }
    product(w.attended(l), rows: rows, l, .output, middle, accumulate: true)
    RMSNorm.forward(
      pool, middle, weight: layer.postNorm, w.normed, rstd: w.middleScale(l), rows: rows, width: c.hidden,
      epsilon: c.normEpsilon)
    product(w.normed, rows: rows, l, .gateUp, w.gateUp(l))
    SwiGLU.forward(pool, w.gateUp(l), w.gated, rows: rows, width: c.intermediate)
    if saves { next.update(from: middle, count: rows * c.hidden) }
    product(w.gated, rows: rows, l, .down, next, accumulate: true)
  }

  /// Biases of queries, keys and values, and the norms of queries and keys, where the architecture has them.
  private func adjustHeads(_ l: Int, rows: Int) {
    let c = configuration, w = workspace, layer = weights.layers[l]
    if let bias = layer.qkvBias { Bias.forward(pool, w.qkv(l), bias: bias, rows: rows, width: c.queryKeyValue) }
    if let query = layer.queryNorm, let key = layer.keyNorm {
      headNorm.forward(
        pool, w.qkv(l), stride: c.queryKeyValue, query: query, key: key, raw: w.rawQueryKey(l), rstd: w.headScale(l),
        rows: rows)
    }
  }

  /// Stores the rows' keys and values, then lets every row attend to its prefix and its own segment up to itself.
  private func attentionForward(layer l: Int, chunks: [Chunk], store: KeyStore) {
    let c = configuration, w = workspace, attention = store.attention, heads = c.keyValueHeads
    let qkv = w.qkv(l), stride = c.queryKeyValue, dim = c.headDimensions
    pool.run(parts: chunks.count * heads) { part, _ in
      let chunk = chunks[part / heads], head = part % heads
      let keys = store.keys(layer: l, segment: chunk.segment, head: head)
      let k = qkv + chunk.row * stride + (c.heads + head) * dim, v = k + heads * dim
      attention.pack(
        k, stride: stride, rows: chunk.count, first: chunk.position, origin: keys.first, blocked: keys.keysBlocked,
        byRows: nil)
      attention.pack(
        v, stride: stride, rows: chunk.count, first: chunk.position, origin: keys.first, blocked: nil,
        byRows: keys.values)
    }
    // Long chunks are cut so that threads share them evenly; the last rows are the most expensive. A head's pieces
    // follow each other, so that the keys of a prompt are still near for its next response.
    let pieces = chunks.flatMap { $0.pieces(of: 32) }
    pool.run(parts: pieces.count * heads) { part, thread in
      let piece = pieces[pieces.count - 1 - part % pieces.count], head = part / pieces.count
      let chain = store.chain(layer: l, segment: piece.segment, head: head)
      let first = head * attention.heads
      for i in 0..<piece.count {
        let row = piece.row + i
        attention.forward(
          qkv + row * stride + first * dim, position: piece.position + i, chain: chain,
          scratch: scores[thread].base, out: w.attended(l) + row * c.queryWidth + first * dim,
          logSumExp: w.logSumExp(l) + row * c.heads + first)
      }
    }
  }

  /// Names every row by the tokens up to it, so that what is drawn for it is the same in whatever batch it comes.
  func nameRows(_ batch: Batch) {
    guard dropout != nil, adapter != nil else { return }
    rowNames = [UInt64](repeating: 0, count: batch.rows)
    var ends = [UInt64](repeating: 0, count: batch.segments.count)
    for chunk in batch.chunks {
      var name = batch.segments[chunk.segment].prefix.map { ends[$0] } ?? 0
      for row in chunk.row..<chunk.row + chunk.count {
        name = RolloutRandom.mix(name ^ UInt64(UInt32(bitPattern: batch.tokens[row])))
        rowNames[row] = name
      }
      ends[chunk.segment] = name
    }
  }

  /// Log-probabilities and entropies of the batch's head rows at a temperature, without gradients.
  package func evaluate(_ batch: Batch, store: KeyStore, temperature: Float = 1) -> HeadResult {
    store.reserve(batch.segments)
    layersForward(tokens: batch.tokens, chunks: batch.chunks, store: store, saves: false)
    return head.forward(workspace.final, batch.heads, temperature: temperature)
  }

  /// The same, keeping what `backward` needs.
  package func forward(_ batch: Batch, store: KeyStore, temperature: Float = 1) -> HeadResult {
    store.reserve(batch.segments, backward: true)
    nameRows(batch)
    layersForward(tokens: batch.tokens, chunks: batch.chunks, store: store, saves: true)
    return head.forward(workspace.final, batch.heads, temperature: temperature)
  }
}

extension Chunk {
  func pieces(of size: Int) -> [Chunk] {
    stride(from: 0, to: count, by: size).map {
      Chunk(segment: segment, row: row + $0, count: min(size, count - $0), position: position + $0)
    }
  }
}
