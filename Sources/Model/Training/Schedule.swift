internal import Kernels

/// The learning rate of every update: a rise over the first ones, then what the shape says. A pure function of the
/// update's number, so that a run which is cut anywhere goes on as if it had not been.
package struct Schedule: Sendable, Equatable {
  package enum Shape: String, Sendable, CaseIterable { case constant, linear, cosine }

  package var shape: Shape
  package var peak: Float
  /// Updates over which the rate rises from 0; the last of them has the peak.
  package var warmup: Int
  /// Updates of the whole run; the rate would be `minimum` at the one after, and is from there on. Not of `constant`.
  package var total: Int
  package var minimum: Float

  package init(_ shape: Shape = .constant, peak: Float, warmup: Int = 0, total: Int = 0, minimum: Float = 0) {
    (self.shape, self.peak, self.warmup, self.total, self.minimum) = (shape, peak, warmup, total, minimum)
  }

  /// - Parameter update: from 1.
  package func rate(update: Int) -> Float {
    if update < warmup { return peak * (Float(update) / Float(warmup)) }
    let start = max(1, warmup)
    guard shape != .constant, update > start else { return peak }
    guard update <= total else { return minimum }
    let progress = Double(update - start) / Double(total + 1 - start)
    let left = shape == .linear ? 1 - progress : (1 + cosineAndSine(.pi * progress).0) / 2
    return Float(Double(minimum) + (Double(peak) - Double(minimum)) * left)
  }
}
