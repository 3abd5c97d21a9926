internal import Glibc

/// A linear layer's weight [outputs, inputs], row-major as in Hugging Face checkpoints, and in the library's own
/// layout when it is only read.
package struct Linear {
  package let inputs: Int
  package let outputs: Int
  /// [outputs, inputs]; nil where only the packed copy is kept.
  package var plain: ConstFloatPointer?
  fileprivate var packed: Arena?

  package init(inputs: Int, outputs: Int, plain: ConstFloatPointer) {
    (self.inputs, self.outputs, self.plain) = (inputs, outputs, plain)
  }
}

/// One thread's scratch, grown as needed.
private final class Panel {
  private var arena = Arena(count: 0)

  func reserve(_ count: Int) -> FloatPointer {
    if arena.count < count { arena = Arena(count: count) }
    return arena.base
  }
}

/// The three products of a linear layer, split over the pool.
///
/// Forward products use oneDNN, whose rows do not depend on the batch (measured, docs/performance.md); rows are split
/// between threads when there are many of them, output columns otherwise. Without oneDNN all go to OpenBLAS.
package final class Matmul: @unchecked Sendable {
  package let pool: ThreadPool
  /// Per thread: [rows, columns] of one panel, for the narrow products.
  private let panels: [Panel]
  #if HAVE_ONEDNN
    private let engines: [OneDNN]
  #endif

  package init(pool: ThreadPool) {
    self.pool = pool
    panels = (0..<pool.count).map { _ in Panel() }
    #if HAVE_ONEDNN
      engines = (0..<pool.count).map { _ in OneDNN() }
    #endif
  }

  /// Reorders the weight for repeated forward products. Without oneDNN a copy in the plain layout.
  package func packing(_ linear: Linear, thread: Int = 0) -> Linear {
    var packed = linear
    #if HAVE_ONEDNN
      let memory = Arena(count: OneDNN.packedCount(k: linear.inputs, n: linear.outputs))
      engines[thread].pack(linear.plain!, k: linear.inputs, n: linear.outputs, into: memory.base)
    #else
      let memory = Arena(count: linear.inputs * linear.outputs)
      memory.base.update(from: linear.plain!, count: linear.inputs * linear.outputs)
    #endif
    packed.packed = memory
    packed.plain = nil
    return packed
  }

  /// y[rows, outputs] = x[rows, inputs] · wᵀ, added to y when `accumulate`.
  package func forward(
    _ x: ConstFloatPointer, rows: Int, _ linear: Linear, _ y: FloatPointer, accumulate: Bool = false
  ) {
    if rows == 0 { return }
    let k = linear.inputs, n = linear.outputs
    if rows >= 16 * pool.count || linear.packed == nil {
      pool.split(rows, grain: 8) { range, thread in
        rowForward(
          x + range.lowerBound * k, rows: range.count, linear, y + range.lowerBound * n, accumulate: accumulate,
          thread: thread)
      }
    } else {
      columnForward(x, rows: rows, linear, y, accumulate: accumulate)
    }
  }

  /// One thread's forward product; for callers that split work themselves.
  package func rowForward(
    _ x: ConstFloatPointer, rows: Int, _ linear: Linear, _ y: FloatPointer, accumulate: Bool, thread: Int
  ) {
    let k = linear.inputs, n = linear.outputs
    #if HAVE_ONEDNN
      let shape = OneDNN.Shape(
        m: rows, n: n, k: k, strideA: k, b: linear.packed == nil ? .columns : .packed, accumulate: accumulate)
      engines[thread].multiply(shape, x, linear.packed.map { UnsafePointer($0.base) } ?? linear.plain!, y)
    #else
      let weight = linear.packed.map { UnsafePointer($0.base) } ?? linear.plain!
      OpenBLAS.forward(x, rows: rows, weight, k: k, n: n, y, accumulate: accumulate)
    #endif
  }

  /// Few rows: each thread computes some columns from the packed blocks of 64, into a panel that is then copied.
  private func columnForward(
    _ x: ConstFloatPointer, rows: Int, _ linear: Linear, _ y: FloatPointer, accumulate: Bool
  ) {
    let n = linear.outputs
    pool.split(n, grain: 64) { columns, thread in
      let width = columns.count
      let panel = panels[thread].reserve(rows * width)
      columnPanel(x, rows: rows, linear, columns: columns, panel, thread: thread)
      for row in 0..<rows {
        let target = y + row * n + columns.lowerBound, source = panel + row * width
        if accumulate {
          for i in 0..<width { target[i] += source[i] }
        } else {
          target.update(from: source, count: width)
        }
      }
    }
  }

  /// panel[rows, columns.count] = x · wᵀ for some columns; `columns` starts at a multiple of 64.
  package func columnPanel(
    _ x: ConstFloatPointer, rows: Int, _ linear: Linear, columns: Range<Int>, _ panel: FloatPointer, thread: Int
  ) {
    if rows == 0 { return }  // oneDNN divides by the number of rows
    let k = linear.inputs, width = columns.count
    #if HAVE_ONEDNN
      var shape = OneDNN.Shape(m: rows, n: width, k: k, strideA: k)
      if let packed = linear.packed {
        shape.b = .packed
        let block = columns.lowerBound * ((k + 15) / 16 * 16)
        engines[thread].multiply(shape, x, packed.base + block, panel)
      } else {
        engines[thread].multiply(shape, x, linear.plain! + columns.lowerBound * k, panel)
      }
    #else
      let weight = (linear.packed.map { UnsafePointer($0.base) } ?? linear.plain!) + columns.lowerBound * k
      OpenBLAS.forward(x, rows: rows, weight, k: k, n: width, panel, accumulate: false)
    #endif
  }

  /// dx[rows, inputs] = dy[rows, outputs] · w, added when `accumulate`.
  package func inputGradient(
    _ dy: ConstFloatPointer, rows: Int, _ linear: Linear, _ dx: FloatPointer, accumulate: Bool = false
  ) {
    pool.split(rows, grain: 8) { range, thread in
      rowInputGradient(
        dy + range.lowerBound * linear.outputs, rows: range.count, linear, dx + range.lowerBound * linear.inputs,
        accumulate: accumulate, thread: thread)
    }
  }

  /// One thread's input gradient.
  package func rowInputGradient(
    _ dy: ConstFloatPointer, rows: Int, _ linear: Linear, _ dx: FloatPointer, accumulate: Bool, thread: Int
  ) {
    #if HAVE_ONEDNN
      let shape = OneDNN.Shape(
        m: rows, n: linear.inputs, k: linear.outputs, strideA: linear.outputs, b: .rows, accumulate: accumulate)
      engines[thread].multiply(shape, dy, linear.plain!, dx)
    #else
      OpenBLAS.inputGradient(
        dy, rows: rows, linear.plain!, k: linear.inputs, n: linear.outputs, dx, accumulate: accumulate)
    #endif
  }

  /// dw[outputs, inputs] += dy[rows, outputs]ᵀ · x[rows, inputs]
  package func weightGradient(
    _ dy: ConstFloatPointer, rows: Int, outputs: Int, _ x: ConstFloatPointer, inputs: Int, _ dw: FloatPointer
  ) {
    // Two ranges at least, even for one thread: where rows of dy have no gaps oneDNN takes another kernel, whose sums
    // over many rows have other bits, and a gradient must not depend on the number of threads.
    let units = (outputs + 7) / 8, parts = min(max(2, pool.count), units)
    pool.run(parts: parts) { part, thread in
      let low = units * part / parts * 8, high = min(outputs, units * (part + 1) / parts * 8)
      rowWeightGradient(
        dy + low, stride: outputs, outputs: high - low, rows: rows, x, inputs: inputs, dw + low * inputs,
        thread: thread)
    }
  }

  /// One thread's part of a weight gradient: `outputs` columns of dy, whose rows are `stride` apart.
  package func rowWeightGradient(
    _ dy: ConstFloatPointer, stride: Int, outputs: Int, rows: Int, _ x: ConstFloatPointer, inputs: Int,
    _ dw: FloatPointer, thread: Int
  ) {
    if rows == 0 { return }
    #if HAVE_ONEDNN
      let shape = OneDNN.Shape(
        m: outputs, n: inputs, k: rows, transposedA: true, strideA: stride, b: .rows, accumulate: true)
      engines[thread].multiply(shape, dy, x, dw)
    #else
      OpenBLAS.weightGradient(dy, stride: stride, outputs: outputs, rows: rows, x, k: inputs, dw)
    #endif
  }
}
