/// A run of positions that share keys and values: a whole sequence, a prompt, or one response after a prompt.
package struct Segment: Equatable, Sendable {
  /// The absolute position of its first token.
  package var first: Int
  /// How many tokens it holds at most.
  package var capacity: Int
  /// The segment before it, whose tokens it attends to as well. A chain has three segments at most.
  package var prefix: Int?

  package init(first: Int, capacity: Int, prefix: Int? = nil) {
    (self.first, self.capacity, self.prefix) = (first, capacity, prefix)
  }
}

/// Tokens to be computed: consecutive rows of the packed batch that continue one segment.
package struct Chunk: Equatable, Sendable {
  package var segment: Int
  package var row: Int
  package var count: Int
  /// The absolute position of the first of them.
  package var position: Int

  package init(segment: Int, row: Int, count: Int, position: Int) {
    (self.segment, self.row, self.count, self.position) = (segment, row, count, position)
  }
}

/// A row whose distribution over the next token is wanted, and the token that came next (−1: none).
package struct HeadRow: Equatable, Sendable {
  package var row: Int32
  package var target: Int32

  package init(row: Int32, target: Int32) { (self.row, self.target) = (row, target) }
}

/// Sequences laid end to end without padding; a prompt that several responses share is there once.
package struct Batch: Sendable {
  /// Tokens, one per row.
  package var tokens: [Int32] = []
  package var segments: [Segment] = []
  package var chunks: [Chunk] = []
  package var heads: [HeadRow] = []

  package init() {}
  package var rows: Int { tokens.count }

  /// Adds tokens that several prompts begin with, before any of them.
  ///
  /// - Returns: The segment, for `append(prompt:responses:after:)`.
  package mutating func append(shared: [Int32]) -> Int { append(shared, after: nil).segment }

  /// The segment that a segment's chain begins with.
  func root(of segment: Int) -> Int {
    var root = segment
    while let before = segments[root].prefix { root = before }
    return root
  }

  /// Adds a prompt and its responses. Neither the prompt nor any response may be empty.
  ///
  /// - Parameter shared: The segment that holds the prompt's beginning; more tokens must follow it.
  /// - Returns: for each response the range of `heads` that predict its tokens, one per token. The first token of
  ///   every response is predicted by the prompt's last row; a response's own last token is not computed at all.
  package mutating func append(prompt: [Int32], responses: [[Int32]], after shared: Int? = nil) -> [Range<Int>] {
    let root = append(prompt: prompt, after: shared)
    let last = Int32(root.row + root.count - 1)
    return responses.map { response in
      let start = heads.count
      heads.append(HeadRow(row: last, target: response[0]))
      if response.count > 1 {
        let chunk = append(Array(response.dropLast()), after: root)
        for t in 1..<response.count { heads.append(HeadRow(row: Int32(chunk.row + t - 1), target: response[t])) }
      }
      return start..<heads.count
    }
  }

  /// The same for a score of each response: its only head row is that of its last token.
  package mutating func append(prompt: [Int32], scored responses: [[Int32]], after shared: Int? = nil) -> [Range<Int>] {
    let root = append(prompt: prompt, after: shared)
    return responses.map { response in
      let chunk = append(response, after: root)
      heads.append(HeadRow(row: Int32(chunk.row + chunk.count - 1), target: -1))
      return heads.count - 1..<heads.count
    }
  }

  private mutating func append(prompt: [Int32], after shared: Int?) -> Chunk {
    let before = shared.flatMap { shared in chunks.first { $0.segment == shared } }
    return append(Array(prompt.dropFirst(before?.count ?? 0)), after: before)
  }

  /// Adds a whole sequence; every row is a head row, the last one without a target.
  package mutating func append(sequence: [Int32]) -> Range<Int> {
    let chunk = append(sequence, after: nil), start = heads.count
    for t in sequence.indices {
      let target = t + 1 < sequence.count ? sequence[t + 1] : -1
      heads.append(HeadRow(row: Int32(chunk.row + t), target: target))
    }
    return start..<heads.count
  }

  private mutating func append(_ ids: [Int32], after root: Chunk?) -> Chunk {
    let first = root.map { $0.position + $0.count } ?? 0
    segments.append(Segment(first: first, capacity: ids.count, prefix: root?.segment))
    let chunk = Chunk(segment: segments.count - 1, row: tokens.count, count: ids.count, position: first)
    chunks.append(chunk)
    tokens += ids
    return chunk
  }
}
