/// Subtracting the mean and dividing by the standard deviation over all unmasked tokens of the step.
///
///     guard add:    y = (x − μ) / √(var + 1e-8)       TRL PPO, verl `masked_whiten`: ddof 1
///     guard clamp:  y = (x − μ) / √max(var, 1e-8)     OpenRLHF: ddof 0
///
/// Deviations: verl also adds 1e-8 to n; a single token has variance 0 here, where n − ddof = 0 gives NaN there.
package struct Whitening: Equatable, Sendable {
  package enum Guard: String, Sendable, CaseIterable { case add, clamp }

  package var ddof: Int
  package var `guard`: Guard
  /// false adds the mean again (TRL `whiten_rewards`).
  package var shiftsMean: Bool

  package init(ddof: Int, guard: Guard, shiftsMean: Bool = true) {
    self.ddof = ddof
    self.guard = `guard`
    self.shiftsMean = shiftsMean
  }

  package static let verl = Whitening(ddof: 1, guard: .add)
  package static let openrlhf = Whitening(ddof: 0, guard: .clamp)

  /// - Parameter mask: tokens that count, in the shape of `rows`; the others become 0.
  package func callAsFunction(_ rows: [[Double]], mask: [[Bool]]) -> [[Double]] {
    let flat = zip(rows, mask).flatMap { row, mask in zip(row, mask).filter(\.1).map(\.0) }
    let mean = mean(flat)
    let squares = flat.reduce(0.0) { $0 + ($1 - mean) * ($1 - mean) }
    let variance = flat.count > ddof ? squares / Double(flat.count - ddof) : 0
    let scale = 1 / (self.guard == .add ? variance + 1e-8 : max(variance, 1e-8)).squareRoot()
    return zip(rows, mask).map { row, mask in
      zip(row, mask).map { value, counts in
        counts ? (value - mean) * scale + (shiftsMean ? 0 : mean) : 0
      }
    }
  }
}
