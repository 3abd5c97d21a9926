import Kernels
import Testing

/// SplitMix64: the same numbers in every run.
struct Numbers {
  private var state: UInt64

  init(seed: Int) { state = UInt64(bitPattern: Int64(seed)) &* 0x9E37_79B9_7F4A_7C15 }

  mutating func word() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// In [0, 1).
  mutating func uniform() -> Double { Double(word() >> 11) * 0x1p-53 }

  mutating func int(_ range: ClosedRange<Int>) -> Int { range.lowerBound + Int(word() % UInt64(range.count)) }

  /// Bell-shaped (a sum of four uniforms), of deviation `scale`.
  mutating func floats(_ count: Int, scale: Double = 1) -> [Float] {
    (0..<count).map { _ in
      Float((uniform() + uniform() + uniform() + uniform() - 2) * 1.7320508 * scale)
    }
  }

  /// The same, such as rounding to the precision leaves them: products of both factors are then exact in f32.
  mutating func floats(_ count: Int, scale: Double = 1, in precision: Precision) -> [Float] {
    let values = floats(count, scale: scale)
    return precision == .f32 ? values : values.map { Float(bitPattern: $0.bitPattern & 0xFFFF_0000) }
  }
}

/// What this machine multiplies in.
let precisions = Precision.allCases.filter(\.isSupported)

/// Floats between two margins of NaNs, at an address that is no multiple of a vector.
///
/// A kernel that writes outside is found by `isIntact`; one that uses what it read outside computes NaN.
final class Floats {
  private static let margin = 67
  private static let sentinel: UInt32 = 0x7FC0_BEEF
  private let memory: FloatPointer
  let base: FloatPointer
  let count: Int
  private var halves: UnsafeMutablePointer<BFloat16>?

  init(_ values: [Float]) {
    count = values.count
    memory = FloatPointer.allocate(capacity: count + 2 * Self.margin)
    base = memory + Self.margin
    memory.initialize(repeating: Float(bitPattern: Self.sentinel), count: count + 2 * Self.margin)
    for (i, value) in values.enumerated() { base[i] = value }
  }

  convenience init(zeros count: Int) { self.init([Float](repeating: 0, count: count)) }
  /// NaN everywhere: what a kernel must write.
  convenience init(unset count: Int) { self.init([Float](repeating: .nan, count: count)) }

  deinit {
    memory.deallocate()
    halves?.deallocate()
  }

  /// A linear layer with these weights, plain and rounded; this object keeps them alive.
  func linear(inputs: Int, outputs: Int) -> Linear {
    let halves = halves ?? UnsafeMutablePointer<BFloat16>.allocate(capacity: count)
    self.halves = halves
    Matmul(pool: ThreadPool(threads: 1)).round(base, count: count, to: halves)
    return Linear(inputs: inputs, outputs: outputs, plain: base, rounded: halves)
  }

  var values: [Float] { Array(UnsafeBufferPointer(start: base, count: count)) }

  var isIntact: Bool {
    (0..<Self.margin).allSatisfy {
      memory[$0].bitPattern == Self.sentinel && base[count + $0].bitPattern == Self.sentinel
    }
  }
}

extension [Float] {
  var bits: [UInt32] { map(\.bitPattern) }
}

/// The largest |found − expected| over the largest |expected| (or over `floor`, if that is more).
func relativeError(_ found: [Float], _ expected: [Double], floor: Double = 1e-30) -> Double {
  precondition(found.count == expected.count)
  var worst = 0.0, top = floor
  for (a, b) in zip(found, expected) {
    let difference = abs(Double(a) - b)
    worst = difference.isNaN ? .infinity : max(worst, difference)
    top = max(top, abs(b))
  }
  return worst / top
}

/// Fails with the place of the worst value unless every |found − expected| ≤ absolute + relative · |expected|.
func expectClose(
  _ found: [Float], _ expected: [Double], relative: Double = 0, absolute: Double = 0, _ what: String,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  #expect(found.count == expected.count, "\(what)", sourceLocation: sourceLocation)
  var worst = (excess: 0.0, index: -1)
  for (i, (a, b)) in zip(found, expected).enumerated() {
    let excess = abs(Double(a) - b) / (absolute + relative * abs(b))
    if !(excess <= max(1, worst.excess)) { worst = (excess.isNaN ? .infinity : excess, i) }
  }
  if worst.index >= 0 {
    Issue.record(
      "\(what): [\(worst.index)] is \(found[worst.index]), expected \(expected[worst.index])",
      sourceLocation: sourceLocation)
  }
}

extension Array where Element: BinaryFloatingPoint {
  var doubles: [Double] { map { Double($0) } }
}

/// Where rows of a product do not depend on the batch: oneDNN on AVX-512.
let productsAreInvariant = Matmul.library.hasPrefix("oneDNN") && kernelVersion == "x86-64-v4"
let needsInvariance: Comment = "needs oneDNN and AVX-512: products are only reproducible per batch on this machine"
