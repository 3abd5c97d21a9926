/// One curve: points in order of x. A value that is NaN is a gap in the line.
package struct Series: Equatable, Sendable {
  package struct Point: Equatable, Sendable {
    package private(set) var x: Double
    package fileprivate(set) var y: Double

    /// Numbers beyond ±1e100 count as that, so that no sum or range overflows; y that is not finite is a gap.
    package init(_ x: Double, _ y: Double) {
      self.x = min(max(x, -1e100), 1e100)
      self.y = y.isFinite ? min(max(y, -1e100), 1e100) : .nan
    }
  }

  package var name: String
  package var points: [Point]
  /// Half the height of a band around each point; empty: no band.
  package var spread: [Double] = []

  package init(_ name: String, _ points: [Point], spread: [Double] = []) {
    self.name = name
    self.points = points
    self.spread = spread
  }

  /// Every point becomes the mean of the last `window` points up to it; gaps stay gaps and do not count.
  package func smoothed(_ window: Int) -> Series {
    guard window > 1 else { return self }
    // Van Herk: a window is the end of one block of `window` points and the beginning of the next, so that sums of
    // ends and beginnings suffice; nothing is ever subtracted, which would leave rounding behind.
    var heads: [(sum: Double, count: Int)] = [], tails = heads
    for (place, point) in points.enumerated() {
      let last = place % window == 0 ? (sum: 0, count: 0) : heads[place - 1]
      heads.append(point.y.isNaN ? last : (last.sum + point.y, last.count + 1))
    }
    tails = heads
    for place in points.indices.reversed() {
      let y = points[place].y
      let next = place + 1 == points.count || (place + 1) % window == 0 ? (sum: 0, count: 0) : tails[place + 1]
      tails[place] = y.isNaN ? next : (next.sum + y, next.count + 1)
    }
    var result = self
    for (place, point) in points.enumerated() where !point.y.isNaN {
      var (sum, count) = heads[place]
      let first = place + 1 - window
      if first > 0, first % window != 0 {
        sum += tails[first].sum
        count += tails[first].count
      }
      result.points[place].y = sum / Double(count)
    }
    return result
  }

  /// The mean over runs at every x that one of them has, with the standard deviation over the runs (n − 1; 0 where only
  /// one has a value) as its spread.
  package static func mean(_ runs: [Series], name: String) -> Series {
    let points = runs.flatMap(\.points).enumerated()
      .sorted { ($0.element.x, $0.offset) < ($1.element.x, $1.offset) }.map(\.element)
    var result = Series(name, [])
    var start = 0
    while start < points.count {
      let end = points[start...].firstIndex { $0.x != points[start].x } ?? points.count
      let values = points[start..<end].map(\.y).filter { !$0.isNaN }
      let mean = values.reduce(0, +) / Double(values.count)
      let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
      result.points.append(Point(points[start].x, mean))
      result.spread.append(values.count > 1 ? (squares / Double(values.count - 1)).squareRoot() : 0)
      start = end
    }
    return result
  }

  /// A curve that looks the same when drawn `columns` wide: of each column's points the first, lowest, highest and
  /// last.
  package func thinned(columns: Int, _ range: ClosedRange<Double>) -> Series {
    let width = range.upperBound - range.lowerBound
    guard points.count > 4 * columns, width > 0 else { return self }
    var result = Series(name, [])
    func keep(_ kept: [Int]) {
      for place in Set(kept).sorted() {
        result.points.append(points[place])
        if !spread.isEmpty { result.spread.append(spread[place]) }
      }
    }
    var start = 0
    func column(_ place: Int) -> Int { Int((points[place].x - range.lowerBound) / width * Double(columns)) }
    while start < points.count {
      let current = column(start)
      var end = start + 1
      var (low, high) = (start, start)
      var first = points[start].y.isNaN ? nil : start, last = start
      while end < points.count, column(end) == current {
        let y = points[end].y
        if !y.isNaN {
          if first == nil { (first, low, high) = (end, end, end) }
          if y < points[low].y { low = end }
          if y > points[high].y { high = end }
          last = end
        }
        end += 1
      }
      // A column without a value keeps one point, which is its gap.
      keep(first.map { [$0, low, high, last] } ?? [start])
      start = end
    }
    return result
  }

  /// Stretches without gaps, as ranges of places.
  package var stretches: [Range<Int>] {
    var found: [Range<Int>] = []
    var start: Int?
    for (place, point) in points.enumerated() {
      if !point.y.isNaN {
        if start == nil { start = place }
      } else if let begin = start {
        found.append(begin..<place)
        start = nil
      }
    }
    if let start { found.append(start..<points.count) }
    return found
  }
}
