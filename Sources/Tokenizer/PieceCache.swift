/// The tokens of pieces seen before. Text repeats its words, so most pieces are found here.
///
/// Bounded: when it is full it starts over. What it holds never changes a result.
struct PieceCache: Sendable {
  private static let longestPiece = 48
  private static let slotCount = 1 << 15
  private static let limit = slotCount * 5 / 8

  private struct Slot {
    var hash: UInt64 = 0
    var start: Int32 = 0
    var idStart: Int32 = 0
    var length: Int32 = 0
    var idCount: Int32 = -1
  }

  private var slots: [Slot] = []
  private var pieces: [UInt8] = []
  private var ids: [Int32] = []
  private var count = 0

  init() {}

  /// Appends the tokens of a piece to `output`; false when the piece is not here.
  @inline(__always)
  mutating func append(_ piece: UnsafeBufferPointer<UInt8>, to output: inout [Int32]) -> Bool {
    guard piece.count <= Self.longestPiece, !slots.isEmpty else { return false }
    let slot = slots[place(of: piece, hash: ByteHash.hash(piece))]
    guard slot.idCount >= 0 else { return false }
    let start = Int(slot.idStart)
    for index in start..<(start + Int(slot.idCount)) { output.append(ids[index]) }
    return true
  }

  mutating func insert(_ piece: UnsafeBufferPointer<UInt8>, _ tokens: some Collection<Int32>) {
    guard piece.count <= Self.longestPiece else { return }
    if slots.isEmpty || count >= Self.limit {
      slots = [Slot](repeating: Slot(), count: Self.slotCount)
      pieces.removeAll(keepingCapacity: true)
      ids.removeAll(keepingCapacity: true)
      count = 0
    }
    let hash = ByteHash.hash(piece)
    let place = place(of: piece, hash: hash)
    guard slots[place].idCount < 0 else { return }
    slots[place] = Slot(
      hash: hash, start: Int32(pieces.count), idStart: Int32(ids.count), length: Int32(piece.count),
      idCount: Int32(tokens.count))
    pieces.append(contentsOf: piece)
    ids.append(contentsOf: tokens)
    count += 1
  }

  @inline(__always)
  private func place(of piece: UnsafeBufferPointer<UInt8>, hash: UInt64) -> Int {
    var place = Int(truncatingIfNeeded: hash) & (Self.slotCount - 1)
    while slots[place].idCount >= 0 {
      let slot = slots[place]
      if slot.hash == hash, Int(slot.length) == piece.count, equals(slot, piece) { break }
      place = (place + 1) & (Self.slotCount - 1)
    }
    return place
  }

  @inline(__always)
  private func equals(_ slot: Slot, _ piece: UnsafeBufferPointer<UInt8>) -> Bool {
    let start = Int(slot.start)
    for offset in 0..<piece.count where pieces[start + offset] != piece[offset] { return false }
    return true
  }
}
