/// How two score sets order the pairs of responses within groups.
package struct Ranking: Equatable, Sendable {
  /// Pairs that both order the same way, and opposite ways.
  package private(set) var same = 0
  package private(set) var opposite = 0
  /// Pairs that are equal in one of them only, and in both.
  package private(set) var tiedInA = 0
  package private(set) var tiedInB = 0
  package private(set) var tiedInBoth = 0

  package init() {}

  package var pairs: Int { same + opposite + tiedInA + tiedInB + tiedInBoth }

  /// same / (same + opposite): of the pairs that both sets order; nil of none.
  package var agreement: Double? { same + opposite > 0 ? Double(same) / Double(same + opposite) : nil }

  /// Adds the pairs of one group of n responses in O(n log n), by Knight's method for Kendall's τ: sorted by a and then
  /// b, the pairs that b orders the other way are its inversions, and the rest follows from counting ties.
  package mutating func add(_ group: [(a: Double, b: Double)]) {
    guard group.count > 1 else { return }
    let sorted = group.sorted { ($0.a, $0.b) < ($1.a, $1.b) }
    let both = Self.ties(sorted) { $0.a == $1.a && $0.b == $1.b }
    let a = Self.ties(sorted) { $0.a == $1.a }
    var values = sorted.map(\.b)
    var room = values
    let inversions = Self.sort(&values, &room, 0..<values.count)
    let b = Self.ties(values, ==)
    tiedInBoth += both
    tiedInA += a - both
    tiedInB += b - both
    opposite += inversions
    same += values.count * (values.count - 1) / 2 - a - b + both - inversions
  }

  /// Pairs within runs of equal neighbours.
  private static func ties<Value>(_ values: [Value], _ equal: (Value, Value) -> Bool) -> Int {
    var (pairs, run) = (0, 0)
    for index in values.indices.dropFirst() {
      run = equal(values[index - 1], values[index]) ? run + 1 : 0
      pairs += run
    }
    return pairs
  }

  /// Merge sort of a range.
  ///
  /// - Returns: The pairs that were in the wrong order.
  private static func sort(_ values: inout [Double], _ room: inout [Double], _ range: Range<Int>) -> Int {
    guard range.count > 1 else { return 0 }
    let middle = range.lowerBound + range.count / 2
    var wrong = sort(&values, &room, range.lowerBound..<middle) + sort(&values, &room, middle..<range.upperBound)
    var (left, right) = (range.lowerBound, middle)
    for place in range {
      if right == range.upperBound || (left < middle && values[left] <= values[right]) {
        room[place] = values[left]
        left += 1
      } else {
        room[place] = values[right]
        right += 1
        wrong += middle - left
      }
    }
    for place in range { values[place] = room[place] }
    return wrong
  }
}
