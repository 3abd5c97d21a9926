import Kernels

/// What a forward pass computed on the way, for comparing with other implementations.
package enum Activation: Sendable {
  /// Entering the layer; `layers` as the layer's number means leaving the last one. [hidden]
  case residual
  /// After biases, norms of heads and rotation. [heads·dim], [kv·dim], [kv·dim]
  case queries, keys, values
  /// Before the output projection. [heads·dim]
  case attended
}

extension Transformer {
  /// One activation of some rows, row by row, as the last `forward` left it.
  package func activation(_ kind: Activation, layer: Int, rows: Range<Int>) -> [Float] {
    let c = configuration, w = workspace, width = c.queryKeyValue, kv = c.keyValueHeads * c.headDimensions
    precondition(w.saves && rows.upperBound <= w.rows, "no forward pass over these rows came before")
    func copy(_ base: FloatPointer, _ stride: Int, _ count: Int) -> [Float] {
      rows.flatMap { UnsafeBufferPointer(start: base + $0 * stride, count: count) }
    }
    switch kind {
    case .residual: return copy(layer < c.layers ? w.x(layer) : w.final, c.hidden, c.hidden)
    case .queries: return copy(w.qkv(layer), width, c.queryWidth)
    case .keys: return copy(w.qkv(layer) + c.queryWidth, width, kv)
    case .values: return copy(w.qkv(layer) + c.queryWidth + kv, width, kv)
    case .attended: return copy(w.attended(layer), c.queryWidth, c.queryWidth)
    }
  }
}
