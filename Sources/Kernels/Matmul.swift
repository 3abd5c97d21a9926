internal import Glibc

/// A linear layer's weight [outputs, inputs], row-major as in Hugging Face checkpoints, and in the library's own
/// layout when it is only read.
package struct Linear {
  package let inputs: Int
  package let outputs: Int
  /// [outputs, inputs]; nil where only the packed copy is kept.
  package var plain: ConstFloatPointer?
  /// The same in bfloat16, which products of that precision take in training.
  package var rounded: UnsafePointer<BFloat16>?
  fileprivate var packed: Arena?

  package init(inputs: Int, outputs: Int, plain: ConstFloatPointer, rounded: UnsafePointer<BFloat16>? = nil) {
    (self.inputs, self.outputs, self.plain, self.rounded) = (inputs, outputs, plain, rounded)
  }

  /// The layer of some outputs alone; not of a packed one.
  package func outputs(_ range: Range<Int>) -> Linear {
    let offset = range.lowerBound * inputs
    return Linear(inputs: inputs, outputs: range.count, plain: plain! + offset, rounded: rounded.map { $0 + offset })
  }
}

/// One thread's scratch, grown as needed.
private final class Panel {
  private var arena = Arena(count: 0)

  func reserve(_ count: Int) -> FloatPointer {
    if arena.count < count { arena = Arena(count: count) }
    return arena.base
  }

  func reserveHalves(_ count: Int) -> UnsafeMutablePointer<BFloat16> {
    if 2 * arena.count < count { arena = Arena(count: (count + 1) / 2) }
    return arena.halves
  }
}

/// The three products of a linear layer, split over the pool.
///
/// Forward products use oneDNN, whose rows do not depend on the batch (measured, docs/performance.md); rows are split
/// between threads when there are many of them, output columns otherwise. Without oneDNN all go to OpenBLAS.
///
/// In bf16 both factors are rounded, activations and gradients here, weights beforehand (`packing`, `Linear.rounded`).
package final class Matmul: @unchecked Sendable {
  package let pool: ThreadPool
  package let precision: Precision
  /// Whether a row of a forward product has the same bits in every batch, tried on this machine when first asked for.
  package private(set) lazy var isBatchInvariant = tryInvariance()
  /// Per thread: [rows, columns] of one panel, for the narrow products.
  private let panels: [Panel]
  /// Per thread: the rounded left and right factor.
  private let left: [Panel], right: [Panel]
  #if HAVE_ONEDNN
    private let engines: [OneDNN]
  #endif

  /// - Parameter precision: a supported one.
  package init(pool: ThreadPool, precision: Precision = .f32) {
    precondition(precision.isSupported, "\(precision) is not supported here")
    self.pool = pool
    self.precision = precision
    (panels, left, right) = (Self.panels(pool), Self.panels(pool), Self.panels(pool))
    #if HAVE_ONEDNN
      engines = (0..<pool.count).map { _ in OneDNN() }
    #endif
  }

  private static func panels(_ pool: ThreadPool) -> [Panel] { (0..<pool.count).map { _ in Panel() } }

  /// Reorders the weight for repeated forward products. Without oneDNN a copy in the plain layout.
  package func packing(_ linear: Linear, thread: Int = 0) -> Linear {
    var packed = linear
    #if HAVE_ONEDNN
      let bytes = OneDNN.packedBytes(k: linear.inputs, n: linear.outputs, half: precision == .bf16)
      let memory = Arena(count: bytes / MemoryLayout<Float>.stride)
      engines[thread].pack(
        linear.plain!, k: linear.inputs, n: linear.outputs, half: precision == .bf16, into: memory.base)
    #else
      let memory = Arena(count: linear.inputs * linear.outputs)
      memory.base.update(from: linear.plain!, count: linear.inputs * linear.outputs)
    #endif
    packed.packed = memory
    packed.plain = nil
    packed.rounded = nil
    return packed
  }

  /// y[rows, outputs] = x[rows, inputs] · wᵀ, added to y when `accumulate`.
  package func forward(
    _ x: ConstFloatPointer, rows: Int, _ linear: Linear, _ y: FloatPointer, accumulate: Bool = false
  ) {
    if rows == 0 { return }
    let k = linear.inputs, n = linear.outputs
    if rows >= 48 * pool.count || linear.packed == nil {
      pool.split(rows, grain: 8) { range, thread in
        rowForward(
          x + range.lowerBound * k, rows: range.count, linear, y + range.lowerBound * n, accumulate: accumulate,
          thread: thread)
      }
    } else {
      columnForward(x, rows: rows, linear, y, accumulate: accumulate)
    }
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

  /// dw[outputs, inputs] += dy[rows, outputs]ᵀ · x[rows, inputs]
  package func weightGradient(
    _ dy: ConstFloatPointer, rows: Int, outputs: Int, _ x: ConstFloatPointer, inputs: Int, _ dw: FloatPointer
  ) {
    if rows == 0 { return }
    // Two ranges at least, even for one thread: where rows of dy have no gaps oneDNN takes another kernel, whose sums
    // over many rows have other bits, and a gradient must not depend on the number of threads.
    let units = (outputs + 7) / 8, parts = min(max(2, pool.count), units)
    let a = roundedByAll(dy, count: rows * outputs, left[0]), b = roundedByAll(x, count: rows * inputs, right[0])
    pool.run(parts: parts) { part, thread in
      let low = units * part / parts * 8, high = min(outputs, units * (part + 1) / parts * 8)
      transposedProduct(
        a + low * factorBytes, stride: outputs, outputs: high - low, rows: rows, b, inputs: inputs, dw + low * inputs,
        thread: thread)
    }
  }
}

// One thread's products; for callers that split work themselves.
extension Matmul {
  /// Bytes of a factor's element.
  private var factorBytes: Int { precision == .bf16 ? 2 : 4 }

  /// The factor as products take it: itself, or rounded to bfloat16 in `panel`.
  private func factor(_ x: ConstFloatPointer, count: Int, _ panel: Panel) -> UnsafeRawPointer {
    guard precision == .bf16 else { return UnsafeRawPointer(x) }
    let halves = panel.reserveHalves(count)
    Kernels.round(x, count: count, to: halves)
    return UnsafeRawPointer(halves)
  }

  /// The same by the whole team.
  private func roundedByAll(_ x: ConstFloatPointer, count: Int, _ panel: Panel) -> UnsafeRawPointer {
    guard precision == .bf16 else { return UnsafeRawPointer(x) }
    let halves = panel.reserveHalves(count)
    round(x, count: count, to: halves)
    return UnsafeRawPointer(halves)
  }

  /// Rounds to bfloat16, by the whole team.
  package func round(_ x: ConstFloatPointer, count: Int, to y: UnsafeMutablePointer<BFloat16>) {
    pool.split(count, grain: 4096) { range, _ in
      Kernels.round(x + range.lowerBound, count: range.count, to: y + range.lowerBound)
    }
  }

  /// The unpacked weight as products take it.
  private func weight(_ linear: Linear) -> UnsafeRawPointer {
    guard precision == .bf16 else { return UnsafeRawPointer(linear.plain!) }
    guard let rounded = linear.rounded else { preconditionFailure("a weight was not rounded to bfloat16") }
    return UnsafeRawPointer(rounded)
  }

  /// y[rows, outputs] = x[rows, inputs] · wᵀ, added to y when `accumulate`.
  package func rowForward(
    _ x: ConstFloatPointer, rows: Int, _ linear: Linear, _ y: FloatPointer, accumulate: Bool, thread: Int
  ) {
    let k = linear.inputs, n = linear.outputs
    #if HAVE_ONEDNN
      let shape = OneDNN.Shape(
        m: rows, n: n, k: k, strideA: k, b: linear.packed == nil ? .columns : .packed, accumulate: accumulate,
        half: precision == .bf16)
      engines[thread].multiply(
        shape, factor(x, count: rows * k, left[thread]), linear.packed.map { UnsafeRawPointer($0.base) } ?? weight(linear),
        y)
    #else
      let weight = linear.packed.map { UnsafePointer($0.base) } ?? linear.plain!
      OpenBLAS.forward(x, rows: rows, weight, k: k, n: n, y, accumulate: accumulate)
    #endif
  }

  /// panel[rows, columns.count] = x · wᵀ for some columns; `columns` starts at a multiple of 64.
  package func columnPanel(
    _ x: ConstFloatPointer, rows: Int, _ linear: Linear, columns: Range<Int>, _ panel: FloatPointer, thread: Int
  ) {
    if rows == 0 { return }  // oneDNN divides by the number of rows
    let k = linear.inputs, width = columns.count
    #if HAVE_ONEDNN
      var shape = OneDNN.Shape(m: rows, n: width, k: k, strideA: k, half: precision == .bf16)
      let x = factor(x, count: rows * k, left[thread])
      if let packed = linear.packed {
        shape.b = .packed
        let offset = columns.lowerBound / 64 * OneDNN.packedBlock(k: k, half: precision == .bf16)
        engines[thread].multiply(shape, x, UnsafeRawPointer(packed.base) + offset, panel)
      } else {
        engines[thread].multiply(shape, x, weight(linear) + columns.lowerBound * k * factorBytes, panel)
      }
    #else
      let weight = (linear.packed.map { UnsafePointer($0.base) } ?? linear.plain!) + columns.lowerBound * k
      OpenBLAS.forward(x, rows: rows, weight, k: k, n: width, panel, accumulate: false)
    #endif
  }

  /// dx[rows, inputs] = dy[rows, outputs] · w, added when `accumulate`; not of a packed layer.
  package func rowInputGradient(
    _ dy: ConstFloatPointer, rows: Int, _ linear: Linear, _ dx: FloatPointer, accumulate: Bool, thread: Int
  ) {
    #if HAVE_ONEDNN
      let shape = OneDNN.Shape(
        m: rows, n: linear.inputs, k: linear.outputs, strideA: linear.outputs, b: .rows, accumulate: accumulate,
        half: precision == .bf16)
      engines[thread].multiply(
        shape, factor(dy, count: rows * linear.outputs, left[thread]), weight(linear), dx)
    #else
      OpenBLAS.inputGradient(
        dy, rows: rows, linear.plain!, k: linear.inputs, n: linear.outputs, dx, accumulate: accumulate)
    #endif
  }

  /// dw[outputs, inputs] += dy[rows, outputs]ᵀ · x[rows, inputs], on one thread.
  package func rowWeightGradient(
    _ dy: ConstFloatPointer, outputs: Int, rows: Int, _ x: ConstFloatPointer, inputs: Int, _ dw: FloatPointer,
    thread: Int
  ) {
    if rows == 0 { return }
    transposedProduct(
      factor(dy, count: rows * outputs, left[thread]), stride: outputs, outputs: outputs, rows: rows,
      factor(x, count: rows * inputs, right[thread]), inputs: inputs, dw, thread: thread)
  }

  /// dw[outputs, inputs] += a[rows, outputs]ᵀ · b[rows, inputs], where rows of a are `stride` elements apart.
  private func transposedProduct(
    _ a: UnsafeRawPointer, stride: Int, outputs: Int, rows: Int, _ b: UnsafeRawPointer, inputs: Int,
    _ dw: FloatPointer, thread: Int
  ) {
    #if HAVE_ONEDNN
      let shape = OneDNN.Shape(
        m: outputs, n: inputs, k: rows, transposedA: true, strideA: stride, b: .rows, accumulate: true,
        half: precision == .bf16)
      engines[thread].multiply(shape, a, b, dw)
    #else
      let dy = a.assumingMemoryBound(to: Float.self), x = b.assumingMemoryBound(to: Float.self)
      OpenBLAS.weightGradient(dy, stride: stride, outputs: outputs, rows: rows, x, k: inputs, dw)
    #endif
  }
}
