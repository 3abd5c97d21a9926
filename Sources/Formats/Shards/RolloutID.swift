/// The 16-byte identity of a rollout, written as 32 hex digits, or as an unambiguous prefix of them, as in git.
package struct RolloutID: Hashable, Comparable, Sendable, CustomStringConvertible {
  /// Bytes 0 to 7 and 8 to 15, most significant first, so that integers, bytes and hex sort alike.
  private let high: UInt64
  private let low: UInt64

  package static let byteCount = 16

  private init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// nil unless there are 16 bytes.
  package init?(bytes: some Collection<UInt8>) {
    guard bytes.count == Self.byteCount else { return nil }
    func word(_ bytes: some Sequence<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }
    self.init(high: word(bytes.prefix(8)), low: word(bytes.dropFirst(8)))
  }

  /// Reads the 16 bytes from `offset` on, which must be there.
  init(loading bytes: UnsafeRawBufferPointer, at offset: Int) {
    high = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    low = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: offset + 8, as: UInt64.self))
  }

  /// Writes the 16 bytes.
  func store(into memory: UnsafeMutableRawPointer) {
    memory.storeBytes(of: high.bigEndian, as: UInt64.self)
    memory.storeBytes(of: low.bigEndian, toByteOffset: 8, as: UInt64.self)
  }

  /// nil unless there are 32 hex digits.
  package init?(hex: String) {
    guard hex.utf8.count == 2 * Self.byteCount, let range = Self.range(hexPrefix: hex) else { return nil }
    self = range.lowerBound
  }

  /// The identity of a sampled rollout: the XXH3-128 of the UTF-8 lines `rollbook rollout 1`, seed, step, prompt id,
  /// sample and policy digest, joined by newlines. It depends on nothing else: not on buffer, shard or order.
  ///
  /// - Parameters:
  ///   - seed: The stage's seed.
  ///   - sample: Number within the group, from 0.
  ///   - policy: Digest of the weights that sampled.
  package static func make(seed: Int, step: Int, promptID: String, sample: Int, policy: String) -> RolloutID {
    make(["rollbook rollout 1", "\(seed)", "\(step)", promptID, "\(sample)", policy])
  }

  /// The identity of a row that no stage sampled (an import, a demonstration): the XXH3-128 of the parts, joined by
  /// newlines.
  package static func make(_ parts: [String]) -> RolloutID {
    var text = parts.joined(separator: "\n")
    let bytes = text.withUTF8 { Digest.bytes(UnsafeRawBufferPointer($0)) }
    guard let id = RolloutID(bytes: bytes) else { preconditionFailure("a digest has 16 bytes") }
    return id
  }

  /// Most significant byte first.
  package var bytes: [UInt8] {
    (0..<Self.byteCount).map { index in
      UInt8(truncatingIfNeeded: (index < 8 ? high : low) >> UInt64(56 - 8 * (index & 7)))
    }
  }

  /// The same bytes without an array.
  func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    try withUnsafeBytes(of: (high.bigEndian, low.bigEndian), body)
  }

  package var hex: String { Digest.hex(bytes) }
  package var description: String { hex }

  package static func < (a: RolloutID, b: RolloutID) -> Bool {
    (a.high, a.low) < (b.high, b.low)
  }

  /// Whether `hex` starts with the given digits, in either case.
  package func hasPrefix(_ digits: String) -> Bool {
    Self.range(hexPrefix: digits)?.contains(self) ?? false
  }

  /// The first and last id that start with the given hex digits; nil for none, for more than 32, for anything else.
  package static func range(hexPrefix digits: String) -> ClosedRange<RolloutID>? {
    guard (1...2 * byteCount).contains(digits.utf8.count) else { return nil }
    var nibbles: [UInt8] = []
    for digit in digits.utf8 {
      switch digit {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): nibbles.append(digit - UInt8(ascii: "0"))
      case UInt8(ascii: "a")...UInt8(ascii: "f"): nibbles.append(digit - UInt8(ascii: "a") + 10)
      case UInt8(ascii: "A")...UInt8(ascii: "F"): nibbles.append(digit - UInt8(ascii: "A") + 10)
      default: return nil
      }
    }
    func id(filling nibble: UInt8) -> RolloutID {
      let all = nibbles + [UInt8](repeating: nibble, count: 2 * byteCount - nibbles.count)
      func word(_ half: ArraySlice<UInt8>) -> UInt64 { half.reduce(0) { $0 << 4 | UInt64($1) } }
      return RolloutID(high: word(all[..<16]), low: word(all[16...]))
    }
    return id(filling: 0)...id(filling: 15)
  }
}
