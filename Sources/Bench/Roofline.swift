internal import Kernels
internal import Model
internal import Pipeline

/// What this machine could do at most: the products of the model's own shapes, and reading memory.
struct Roofline {
  /// Floating-point operations and bytes a second.
  let operations: Double
  let bandwidth: Double

  init(_ c: ModelConfiguration, _ matmul: Matmul) {
    let rows = 2048, inputs = c.hidden, outputs = 2 * c.intermediate
    let weight = Arena(count: inputs * outputs), x = Arena(count: rows * inputs), y = Arena(count: rows * outputs)
    for i in 0..<weight.count { weight.base[i] = Float(i % 13) - 6 }
    for i in 0..<x.count { x.base[i] = Float(i % 7) - 3 }
    let packed = matmul.packing(Linear(inputs: inputs, outputs: outputs, plain: weight.base))
    operations = Self.fastest { matmul.forward(x.base, rows: rows, packed, y.base) } * 2 * Double(rows * inputs * outputs)
    let memory = Arena(count: 1 << 27)
    memory.base.update(repeating: 1, count: memory.count)
    bandwidth = Self.fastest {
      matmul.pool.split(memory.count, grain: 4096) { range, _ in
        _ = Softmax.maximum(memory.base + range.lowerBound, count: range.count)
      }
    } * Double(4 * memory.count)
  }

  /// Repetitions a second, at best.
  private static func fastest(_ work: () -> Void) -> Double {
    work()
    return 1
      / (0..<12).map { _ in
        let start = Timestamp.steady
        work()
        return Timestamp.steady - start
      }.min()!
  }

  /// Tokens a second of decoding `sequences` at once: whichever ends first, multiplying with every weight or reading
  /// all of them once for each token of the batch. Attention is not counted.
  func decoding(_ weights: Int, _ precision: Precision, sequences: Int) -> Double {
    let bytes = Double(weights * (precision == .bf16 ? 2 : 4))
    return min(operations / Double(2 * weights), Double(sequences) * bandwidth / bytes)
  }

  /// Of training, forward and backward.
  func training(_ weights: Int) -> Double { operations / Double(6 * weights) }
}
