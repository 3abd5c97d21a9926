/// Byte-pair encoding of one piece: again and again the pair of lowest rank, the leftmost of equals, becomes one token
/// (Sennrich et al. 2016, "Neural Machine Translation of Rare Words with Subword Units", algorithm 1).
///
/// Short pieces search for the pair; long ones keep the pairs in a heap, so that a text without any split takes
/// O(n log n). Both give the same tokens.
struct BytePairMerger: Sendable {
  private static let searchLimit = 32

  /// The tokens of the piece: set before `merge`, shrunk by it.
  var symbols: [Int32] = []
  /// The rank of the pair that begins at each symbol.
  private var ranks: [UInt32] = []
  private var next: [Int32] = []
  private var previous: [Int32] = []
  /// Rank in the high half, place in the low half: the least word is the next merge.
  private var heap = MinimumHeap()

  init() {}

  mutating func merge(_ table: MergeTable) {
    guard symbols.count > 1 else { return }
    ranks.removeAll(keepingCapacity: true)
    for index in 0..<(symbols.count - 1) { ranks.append(table.rank(symbols[index], symbols[index + 1])) }
    if symbols.count <= Self.searchLimit { mergeBySearch(table) } else { mergeByHeap(table) }
  }

  private mutating func mergeBySearch(_ table: MergeTable) {
    while true {
      var best = MergeTable.noMerge
      var place = 0
      for index in 0..<ranks.count where ranks[index] < best {
        best = ranks[index]
        place = index
      }
      if best == MergeTable.noMerge { return }
      symbols[place] = table.result(ofRank: best)
      symbols.remove(at: place + 1)
      ranks.remove(at: place)
      if place < ranks.count { ranks[place] = table.rank(symbols[place], symbols[place + 1]) }
      if place > 0 { ranks[place - 1] = table.rank(symbols[place - 1], symbols[place]) }
    }
  }

  private mutating func mergeByHeap(_ table: MergeTable) {
    let count = symbols.count
    ranks.append(MergeTable.noMerge)
    next = (0..<Int32(count)).map { $0 + 1 }
    previous = (0..<Int32(count)).map { $0 - 1 }
    heap.removeAll()
    for index in 0..<count where ranks[index] != MergeTable.noMerge { push(index) }
    while let word = heap.popMinimum() {
      let place = Int(word & 0xFFFF_FFFF)
      let rank = UInt32(word >> 32)
      // A pair that is no longer there, or was replaced by another, left its old word in the heap.
      guard ranks[place] == rank else { continue }
      let taken = Int(next[place])
      symbols[place] = table.result(ofRank: rank)
      next[place] = next[taken]
      ranks[taken] = MergeTable.noMerge
      let after = Int(next[place])
      if after < count {
        previous[after] = Int32(place)
        setRank(place, table.rank(symbols[place], symbols[after]))
      } else {
        ranks[place] = MergeTable.noMerge
      }
      let before = Int(previous[place])
      if before >= 0 { setRank(before, table.rank(symbols[before], symbols[place])) }
    }
    var kept = 0
    var index = 0
    while index < count {
      symbols[kept] = symbols[index]
      kept += 1
      index = Int(next[index])
    }
    symbols.removeLast(count - kept)
  }

  private mutating func setRank(_ place: Int, _ rank: UInt32) {
    ranks[place] = rank
    if rank != MergeTable.noMerge { push(place) }
  }

  private mutating func push(_ place: Int) {
    heap.push(UInt64(ranks[place]) << 32 | UInt64(place))
  }
}

/// A binary heap of words, least first.
private struct MinimumHeap: Sendable {
  private var words: [UInt64] = []

  mutating func removeAll() { words.removeAll(keepingCapacity: true) }

  mutating func push(_ word: UInt64) {
    words.append(word)
    var index = words.count - 1
    while index > 0 {
      let parent = (index - 1) / 2
      if words[parent] <= words[index] { break }
      words.swapAt(parent, index)
      index = parent
    }
  }

  mutating func popMinimum() -> UInt64? {
    guard let minimum = words.first, let last = words.popLast() else { return nil }
    if words.isEmpty { return minimum }
    words[0] = last
    var index = 0
    while true {
      var child = 2 * index + 1
      if child >= words.count { break }
      if child + 1 < words.count, words[child + 1] < words[child] { child += 1 }
      if words[index] <= words[child] { break }
      words.swapAt(index, child)
      index = child
    }
    return minimum
  }
}
