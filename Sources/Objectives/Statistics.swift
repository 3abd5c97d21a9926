/// The indices of each group's members, groups in the order in which they first appear.
package func memberships(_ groups: some Sequence<Int>) -> [[Int]] {
  var order: [Int: Int] = [:]
  var members: [[Int]] = []
  for (index, id) in groups.enumerated() {
    if let place = order[id] {
      members[place].append(index)
    } else {
      order[id] = members.count
      members.append([index])
    }
  }
  return members
}

/// The mean, from differences to the first value: exact for equal values. 0 of nothing.
func mean(_ values: some Collection<Double>) -> Double {
  guard let first = values.first else { return 0 }
  var shifted = 0.0
  for value in values { shifted += value - first }
  return first + shifted / Double(values.count)
}

/// Mean and standard deviation; (0, 0) of nothing, deviation 0 of one element.
func spread(_ values: [Double], ddof: Int) -> (mean: Double, deviation: Double) {
  let mean = mean(values)
  guard values.count > max(ddof, 1) else { return (mean, 0) }
  var squares = 0.0
  for value in values { squares += (value - mean) * (value - mean) }
  return (mean, (squares / Double(values.count - ddof)).squareRoot())
}

/// Count, mean and sum of squared differences to it; two of them merge without cancellation (Chan et al. 1979).
package struct Moments: Equatable, Sendable {
  package private(set) var count = 0
  package private(set) var mean = 0.0
  private var squares = 0.0

  package init() {}

  /// Dividing by n; 0 of nothing.
  package var variance: Double { count > 0 ? squares / Double(count) : 0 }

  mutating func add(_ value: Double) {
    count += 1
    let difference = value - mean
    mean += difference / Double(count)
    squares += difference * (value - mean)
  }

  static func += (moments: inout Moments, other: Moments) {
    guard other.count > 0 else { return }
    let total = Double(moments.count + other.count)
    let difference = other.mean - moments.mean
    moments.squares += other.squares + difference * difference * Double(moments.count) * Double(other.count) / total
    moments.mean += difference * Double(other.count) / total
    moments.count += other.count
  }
}
