/// Means, and sums of squares and products of deviations, of pairs of numbers that go by (Welford).
package struct Comoments: Sendable {
  package private(set) var count = 0
  private var sumX = 0.0
  private var sumY = 0.0
  /// Running means, whose rounding the deviations make up for; the sums tell the better means.
  private var centreX = 0.0
  private var centreY = 0.0
  private var xx = 0.0
  private var yy = 0.0
  private var xy = 0.0

  package init() {}

  package mutating func add(_ x: Double, _ y: Double) {
    count += 1
    sumX += x
    sumY += y
    let (dx, dy) = (x - centreX, y - centreY)
    centreX += dx / Double(count)
    centreY += dy / Double(count)
    xx += dx * (x - centreX)
    yy += dy * (y - centreY)
    xy += dx * (y - centreY)
  }

  /// Adds the deviations of one group from its own means, so that `correlation` is the one within groups.
  package mutating func add(deviationsOf group: [(x: Double, y: Double)]) {
    var own = Comoments()
    for (x, y) in group { own.add(x, y) }
    count += own.count
    xx += own.xx
    yy += own.yy
    xy += own.xy
  }

  /// NaN of none.
  package var meanX: Double { sumX / Double(count) }
  package var meanY: Double { sumY / Double(count) }

  /// Pearson's r; nil where either is constant or there are fewer than two pairs.
  package var correlation: Double? { PairStatistics.correlation(xx, yy, xy) }

  /// Standard errors of the means (n − 1); nil of fewer than two.
  package var errorX: Double? { error(xx) }
  package var errorY: Double? { error(yy) }

  private func error(_ squares: Double) -> Double? {
    count > 1 ? (squares / Double(count - 1) / Double(count)).squareRoot() : nil
  }
}
