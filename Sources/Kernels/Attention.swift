internal import CKernels

/// A stretch of positions whose keys and values lie together, for one layer and one key/value head.
///
/// A sequence is one segment or a chain of them, of which other sequences share all but the last: a prompt's keys
/// exist once, and the bits are those of a private copy (ckernels.h says why).
package struct KeySegment {
  /// [blocks][width][16], the block of position first/16 first.
  package var keysBlocked: FloatPointer
  /// [positions][width]
  package var values: FloatPointer
  /// Filled for backward only: values blocked like the keys, keys by rows, and the gradients of both by rows.
  package var valuesBlocked: FloatPointer?
  package var keys: FloatPointer?
  package var keyGradients: FloatPointer?
  package var valueGradients: FloatPointer?
  /// The absolute position of its first key.
  package var first: Int

  package init(keysBlocked: FloatPointer, values: FloatPointer, first: Int) {
    (self.keysBlocked, self.values, self.first) = (keysBlocked, values, first)
  }
}

/// The segments that a query sees, in order of their positions: what many prompts begin with, the prompt, the response.
/// Each ends where the next one begins.
package struct KeyChain {
  package var shared: KeySegment?
  package var prompt: KeySegment?
  package var own: KeySegment

  package init(shared: KeySegment? = nil, prompt: KeySegment? = nil, own: KeySegment) {
    (self.shared, self.prompt, self.own) = (shared, prompt, own)
  }

  /// Segments in a chain at most.
  static let most = 3

  /// The segments as the kernels take them, with their ends; `end` is that of the last one.
  fileprivate func withParts<Part>(
    end: Int, _ part: (KeySegment, Int) -> Part, body: (UnsafePointer<Part>, Int) -> Void
  ) {
    withUnsafeTemporaryAllocation(of: Part.self, capacity: Self.most) { parts in
      var count = 0
      if let shared {
        parts.initializeElement(at: count, to: part(shared, prompt?.first ?? own.first))
        count += 1
      }
      if let prompt {
        parts.initializeElement(at: count, to: part(prompt, own.first))
        count += 1
      }
      parts.initializeElement(at: count, to: part(own, end))
      body(UnsafePointer(parts.baseAddress!), count + 1)
    }
  }
}

/// Causal grouped-query attention, one query position of one key/value head at a time (arXiv 1706.03762, 2305.13245).
package struct Attention: Sendable {
  /// Query heads that share a key/value head, floats per head, and those rounded up to a multiple of 16.
  package let heads: Int, dimensions: Int, width: Int
  package let scale: Float

  package init(heads: Int, dimensions: Int) {
    self.heads = heads
    self.dimensions = dimensions
    width = (dimensions + 15) / 16 * 16
    scale = 1 / Float(dimensions).squareRoot()
  }

  /// Blocks of 16 positions that [first, end) touches.
  package static func blocks(first: Int, end: Int) -> Int { end <= first ? 0 : (end + 15) / 16 - first / 16 }

  /// Scratch floats for one query over keys up to `end`, backward included; neighbouring segments overlap in a block.
  package func scratch(end: Int) -> Int { 2 * heads * 16 * (Self.blocks(first: 0, end: end) + KeyChain.most) }

  /// Stores rows of x (`stride` apart, positions `first`…) as keys or values of a segment that begins at `origin`.
  package func pack(
    _ x: ConstFloatPointer, stride: Int, rows: Int, first: Int, origin: Int, blocked: FloatPointer?,
    byRows: FloatPointer?
  ) {
    ck_pack_keys(
      x, stride, rows, first, dimensions, width, blocked.map { $0 + (first / 16 - origin / 16) * width * 16 },
      byRows.map { $0 + (first - origin) * width })
  }

  /// out[h] for the query at `position`, which attends to the chain up to itself.
  /// q, out: the first of `heads` heads, `dimensions` apart. logSumExp [heads] or nil.
  package func forward(
    _ q: ConstFloatPointer, position: Int, chain: KeyChain, scratch: FloatPointer, out: FloatPointer,
    logSumExp: FloatPointer?
  ) {
    chain.withParts(end: position + 1) { s, end in
      ck_keys(keys_blocked: s.keysBlocked, values: s.values, first: s.first, end: end)
    } body: { parts, count in
      ck_attention_row(q, dimensions, heads, dimensions, width, parts, count, scale, scratch, out, logSumExp)
    }
  }

  /// dq is written, gradients of keys and values are added to the segments' own. out and logSumExp from forward.
  package func backward(
    _ q: ConstFloatPointer, position: Int, chain: KeyChain, scratch: FloatPointer, out: ConstFloatPointer,
    logSumExp: ConstFloatPointer, dout: ConstFloatPointer, dq: FloatPointer
  ) {
    chain.withParts(end: position + 1) { s, end in
      ck_key_gradients(
        keys_blocked: s.keysBlocked, values_blocked: s.valuesBlocked, keys: s.keys, key_gradients: s.keyGradients,
        value_gradients: s.valueGradients, first: s.first, end: end)
    } body: { parts, count in
      ck_attention_row_backward(
        q, out, dout, dimensions, heads, dimensions, width, parts, count, scale, logSumExp, scratch, dq)
    }
  }
}
