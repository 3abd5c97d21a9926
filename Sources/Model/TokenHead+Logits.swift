internal import Kernels

extension TokenHead {
  /// The logits of a few rows for sampling, chunk by chunk: panel c holds [rows, width of chunk c].
  /// - Parameter panels: grown to rows × vocabulary.
  func logits(_ x: FloatPointer, _ heads: [HeadRow], into panels: inout Arena) -> [LogitRow] {
    let rows = heads.count, vocabulary = configuration.vocabularyCount, chunks = chunks
    if panels.count < rows * vocabulary { panels = Arena(count: rows * vocabulary) }
    let normed = gatherNormed(x, heads), base = panels.base
    pool.run(parts: chunks.count) { part, thread in
      let columns = chunks[part]
      matmul.columnPanel(
        normed, rows: rows, weights.head, columns: columns, base + columns.lowerBound * rows, thread: thread)
    }
    return (0..<rows).map { row in
      LogitRow(
        panels: chunks.map { UnsafePointer(base + $0.lowerBound * rows + row * $0.count) }, widths: chunks.map(\.count))
    }
  }
}
