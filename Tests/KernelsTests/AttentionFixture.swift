import Foundation
import Kernels
import Testing

/// Queries of one key/value head at some positions after a prefix, with everything attention needs.
///
/// Keys of positions [0, split) are in a prefix segment, those of [split, end) in a segment of their own; split 0
/// means no prefix. With `shared`, the first so many of the prefix are in a segment before it.
struct AttentionCase {
  let attention: Attention
  let end: Int
  let split: Int
  let shared: Int
  /// [end][dim]; q and dout [end][heads][dim]
  var keys: [Float], values: [Float], queries: [Float], douts: [Float]

  init(heads: Int, dimensions: Int, end: Int, split: Int, shared: Int = 0, seed: Int) {
    var numbers = Numbers(seed: seed)
    attention = Attention(heads: heads, dimensions: dimensions)
    (self.end, self.split, self.shared) = (end, split, shared)
    keys = numbers.floats(end * dimensions, scale: 1.5)
    values = numbers.floats(end * dimensions)
    queries = numbers.floats(end * heads * dimensions)
    douts = numbers.floats(end * heads * dimensions)
  }

  var heads: Int { attention.heads }
  var dim: Int { attention.dimensions }
}

/// The memory of one segment, positions [first, end).
final class SegmentMemory {
  let blocked, values, valuesBlocked, keys, keyGradients, valueGradients: Floats
  let first: Int
  let count: Int

  /// Lanes that no key fills hold NaN, as stale memory may.
  init(_ attention: Attention, first: Int, end: Int) {
    let lanes = Attention.blocks(first: first, end: end) * 16
    (self.first, count) = (first, end - first)
    blocked = Floats(unset: lanes * attention.width)
    valuesBlocked = Floats(unset: lanes * attention.width)
    values = Floats(zeros: count * attention.width)
    keys = Floats(zeros: count * attention.width)
    keyGradients = Floats(zeros: count * attention.width)
    valueGradients = Floats(zeros: count * attention.width)
  }

  /// Stores the case's keys and values, some rows at a time.
  func pack(_ c: AttentionCase, piece: Int) {
    for start in stride(from: first, to: first + count, by: piece) {
      let rows = min(piece, first + count - start)
      for (source, blocked, rowMajor) in [(c.keys, blocked, keys), (c.values, valuesBlocked, values)] {
        let x = Floats(Array(source[(start * c.dim)..<((start + rows) * c.dim)]))
        c.attention.pack(
          x.base, stride: c.dim, rows: rows, first: start, origin: first, blocked: blocked.base, byRows: rowMajor.base)
      }
    }
  }

  var segment: KeySegment {
    var segment = KeySegment(keysBlocked: blocked.base, values: values.base, first: first)
    segment.valuesBlocked = valuesBlocked.base
    segment.keys = keys.base
    segment.keyGradients = keyGradients.base
    segment.valueGradients = valueGradients.base
    return segment
  }

  var isIntact: Bool {
    [blocked, values, valuesBlocked, keys, keyGradients, valueGradients].allSatisfy(\.isIntact)
  }
}

/// What the kernel makes of a case: one pass over the query positions [split, end).
struct AttentionResult {
  var out: [Float] = [], logSumExp: [Float] = [], queryGradients: [Float] = []
  /// [end][dim], without the padding.
  var keyGradients: [Float] = [], valueGradients: [Float] = []

  init(_ c: AttentionCase, positions: Range<Int>, backward: Bool = true, piece: Int = 5) {
    let a = c.attention, size = c.heads * c.dim
    let shared = c.shared > 0 ? SegmentMemory(a, first: 0, end: c.shared) : nil
    let prefix = c.split > 0 ? SegmentMemory(a, first: c.shared, end: c.split) : nil
    let own = SegmentMemory(a, first: c.split, end: c.end)
    let memories = [shared, prefix, own].compactMap { $0 }
    for memory in memories { memory.pack(c, piece: piece) }
    let chain = KeyChain(shared: shared?.segment, prompt: prefix?.segment, own: own.segment)
    let scratch = Floats(unset: a.scratch(end: c.end))
    for position in positions {
      let place = position * size..<(position + 1) * size
      let q = Floats(Array(c.queries[place])), dout = Floats(Array(c.douts[place]))
      let out = Floats(unset: size), lse = Floats(unset: c.heads), dq = Floats(unset: size)
      a.forward(
        q.base, position: position, chain: chain, scratch: scratch.base, out: out.base, logSumExp: lse.base)
      if backward {
        a.backward(
          q.base, position: position, chain: chain, scratch: scratch.base, out: out.base, logSumExp: lse.base,
          dout: dout.base, dq: dq.base)
      }
      #expect([q, dout, out, lse, dq, scratch].allSatisfy { $0.isIntact }, "wrote outside")
      self.out += out.values
      logSumExp += lse.values
      queryGradients += dq.values
    }
    for memory in memories {
      #expect(memory.isIntact, "wrote outside")
      for row in 0..<memory.count {
        let place = row * a.width..<row * a.width + c.dim
        keyGradients += memory.keyGradients.values[place]
        valueGradients += memory.valueGradients.values[place]
      }
    }
  }
}

extension Reference {
  /// Attention of one query head over keys [0, count): softmax(q·k/√dim)·v, plainly.
  static func attention(
    _ q: ArraySlice<Double>, _ keys: [Double], _ values: [Double], count: Int
  ) -> (out: [Double], weights: [Double], logSumExp: Double) {
    let q = Array(q), dim = q.count, scale = 1 / Double(dim).squareRoot()
    let scores = (0..<count).map { t in scale * (0..<dim).reduce(0.0) { $0 + q[$1] * keys[t * dim + $1] } }
    let logSumExp = softmax(scores).logNormalizer
    let weights = scores.map { exp($0 - logSumExp) }
    let out = (0..<dim).map { d in (0..<count).reduce(0.0) { $0 + weights[$1] * values[$1 * dim + d] } }
    return (out, weights, logSumExp)
  }
}

/// The case in double: outputs, and the gradient of Σ out·dout by the softmax's derivative.
struct AttentionTwin {
  var out: [Double] = [], logSumExp: [Double] = [], queryGradients: [Double] = []
  var keyGradients: [Double], valueGradients: [Double]
  var loss = 0.0

  init(_ c: AttentionCase, queries: [Double], keys: [Double], values: [Double], positions: Range<Int>, backward: Bool) {
    let dim = c.dim, scale = 1 / Double(dim).squareRoot()
    keyGradients = [Double](repeating: 0, count: keys.count)
    valueGradients = keyGradients
    for position in positions {
      for head in 0..<c.heads {
        let place = (position * c.heads + head) * dim..<(position * c.heads + head + 1) * dim
        let q = Array(queries[place]), dout = c.douts[place].map { Double($0) }
        let (o, p, lse) = Reference.attention(queries[place], keys, values, count: position + 1)
        out += o
        logSumExp.append(lse)
        let total = (0..<dim).reduce(0.0) { $0 + o[$1] * dout[$1] }
        loss += total
        guard backward else { continue }
        var dq = [Double](repeating: 0, count: dim)
        for t in 0...position {
          let inner = (0..<dim).reduce(0.0) { $0 + values[t * dim + $1] * dout[$1] }
          let slope = p[t] * (inner - total) * scale
          for d in 0..<dim {
            dq[d] += slope * keys[t * dim + d]
            keyGradients[t * dim + d] += slope * q[d]
            valueGradients[t * dim + d] += p[t] * dout[d]
          }
        }
        queryGradients += dq
      }
    }
  }

  init(_ c: AttentionCase, positions: Range<Int>, backward: Bool = true) {
    self.init(
      c, queries: c.queries.doubles, keys: c.keys.doubles, values: c.values.doubles, positions: positions,
      backward: backward)
  }
}
