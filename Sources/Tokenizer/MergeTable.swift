/// The merges of a BPE model: from a pair of token ids to its rank and to the token it becomes. Flat open addressing,
/// keyed by the two ids packed into one word.
struct MergeTable: Sendable {
  struct Merge {
    let left: Int32
    let right: Int32
    let result: Int32
  }

  private struct Slot {
    var key: UInt64
    var rank: UInt32
    var result: Int32
  }

  private static let empty = UInt64.max

  /// In the order of rank.
  let merges: [Merge]
  private var slots: [Slot]
  private let shift: UInt64
  private let mask: Int

  /// Of a pair given twice the later rank holds, as in Hugging Face's.
  init(_ merges: [Merge]) {
    self.merges = merges
    var capacity = 16
    while capacity < 2 * merges.count { capacity *= 2 }
    mask = capacity - 1
    shift = UInt64(64 - capacity.trailingZeroBitCount)
    slots = [Slot](repeating: Slot(key: Self.empty, rank: 0, result: 0), count: capacity)
    for (rank, merge) in merges.enumerated() {
      let slot = slot(of: Self.key(merge.left, merge.right))
      slots[slot] = Slot(key: Self.key(merge.left, merge.right), rank: UInt32(rank), result: merge.result)
    }
  }

  /// The rank of a pair; `noMerge` when it does not merge.
  @inline(__always)
  func rank(_ left: Int32, _ right: Int32) -> UInt32 {
    let slot = slots[slot(of: Self.key(left, right))]
    return slot.key == Self.empty ? Self.noMerge : slot.rank
  }

  static let noMerge = UInt32.max

  /// The token that a pair merges into; the pair must have a rank.
  @inline(__always)
  func result(ofRank rank: UInt32) -> Int32 { merges[Int(rank)].result }

  @inline(__always)
  private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
    UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
  }

  @inline(__always)
  private func slot(of key: UInt64) -> Int {
    var slot = Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) >> shift)
    while slots[slot].key != key, slots[slot].key != Self.empty { slot = (slot + 1) & mask }
    return slot
  }
}
