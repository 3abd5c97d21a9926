import Kernels

/// How a model stretches its rotary frequencies to contexts longer than those it was first trained on.
package enum RotaryScaling: Equatable, Sendable {
  case none
  /// All frequencies divided by one factor (arXiv 2306.15595).
  case linear(factor: Double)
  /// Llama 3.1: frequencies that turn fewer than `low` times within the original length are divided by the factor,
  /// those that turn more than `high` times stay, with a ramp between.
  case llama3(factor: Double, low: Double, high: Double, original: Double)
  /// What each frequency is divided by.
  case divisors([Double])

  /// Radians per position of pair `index`, of which there are `count`.
  func frequency(_ index: Int, of count: Int, base: Double) -> Double {
    let plain = power(base, -2 * Double(index) / Double(2 * count))
    switch self {
    case .none: return plain
    case .linear(let factor): return plain / factor
    case .divisors(let divisors): return plain / divisors[index]
    case .llama3(let factor, let low, let high, let original):
      let turns = original * plain / (2 * Double.pi)
      if turns > high { return plain }
      if turns < low { return plain / factor }
      let smooth = (turns - low) / (high - low)
      return (1 - smooth) * plain / factor + smooth * plain
    }
  }
}

/// cos and sin of position · frequency, computed in double once per position and grown as needed.
struct RotaryTable {
  private let half: Int
  private let frequencies: [Double]
  private var cosine: [Float] = []
  private var sine: [Float] = []

  init(_ c: ModelConfiguration) {
    let half = c.headDimensions / 2
    self.half = half
    frequencies = (0..<half).map { c.rotaryScaling.frequency($0, of: half, base: c.rotaryBase) }
  }

  /// Copies the rows of these chunks' positions; targets are [rows, dim/2].
  mutating func gather(_ chunks: [Chunk], cosine c: FloatPointer, sine s: FloatPointer) {
    let end = chunks.reduce(0) { max($0, $1.position + $1.count) }
    while cosine.count < end * half {
      let position = Double(cosine.count / half)
      for f in frequencies {
        let (cos, sin) = cosineAndSine(position * f)
        cosine.append(Float(cos))
        sine.append(Float(sin))
      }
    }
    for chunk in chunks {
      for i in 0..<chunk.count * half {
        c[chunk.row * half + i] = cosine[chunk.position * half + i]
        s[chunk.row * half + i] = sine[chunk.position * half + i]
      }
    }
  }
}
