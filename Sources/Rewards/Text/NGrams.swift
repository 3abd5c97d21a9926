/// Numbers of the n-grams of a text, equal where the n-grams are: each order is numbered from the one before it, so that
/// all orders up to n cost n lookups a token, not n².
struct NGrams {
  private var known: [UInt64: Int32] = [:]

  /// How many different ones were numbered.
  var count: Int { known.count }

  init(capacity: Int = 0) { known.reserveCapacity(capacity) }

  /// The n-grams of `tokens`, from the numbers of their (n − 1)-grams; those of order 1 are the tokens themselves.
  ///
  /// - Parameter order: n, at least 2.
  mutating func longer(_ shorter: [Int32], _ tokens: [Int32], order: Int) -> [Int32] {
    guard tokens.count >= order else { return [] }
    return (0...(tokens.count - order)).map { start in
      let key = UInt64(UInt32(bitPattern: shorter[start])) << 32 | UInt64(UInt32(bitPattern: tokens[start + order - 1]))
      let number = known[key] ?? Int32(truncatingIfNeeded: known.count)
      known[key] = number
      return number
    }
  }
}
