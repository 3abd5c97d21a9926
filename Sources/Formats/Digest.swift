import CXXHash

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Content digests: XXH3, 128 bits, seed 0, written `xxh3-128:` and the 32 hex digits that `xxh128sum` prints
/// (canonical form: most significant byte first). They find corruption and name content; they are no signature.
package enum Digest {
  /// The prefix of every digest string.
  package static let prefix = "xxh3-128:"

  /// The digest of bytes in memory.
  package static func xxh3(_ bytes: UnsafeRawBufferPointer) -> String {
    text(XXH3_128bits(bytes.baseAddress, bytes.count))
  }

  /// The digest of bytes in memory.
  package static func xxh3(_ bytes: [UInt8]) -> String {
    bytes.withUnsafeBytes { xxh3($0) }
  }

  /// The digest of a string's UTF-8.
  package static func xxh3(_ string: String) -> String {
    var string = string
    return string.withUTF8 { xxh3(UnsafeRawBufferPointer($0)) }
  }

  /// The digest as 16 bytes, in the order of the hex digits.
  package static func bytes(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
    canonical(XXH3_128bits(bytes.baseAddress, bytes.count))
  }

  /// The digest of a file, read in pieces (never mapped, so a file cut short meanwhile is no bus error).
  ///
  /// - Throws: `RollbookError` `missing` or `io`.
  package static func file(_ path: String) throws -> String {
    let descriptor = retryingInterrupts { open(path, O_RDONLY | O_CLOEXEC) }
    guard descriptor >= 0 else { throw RollbookError.system("open", path, errno: errno) }
    defer { close(descriptor) }
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
    defer { buffer.deallocate() }
    var stream = Stream()
    while true {
      let count = retryingInterrupts { read(descriptor, buffer.baseAddress, buffer.count) }
      guard count >= 0 else { throw RollbookError.system("read", path, errno: errno) }
      if count == 0 { return stream.value }
      stream.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
    }
  }

  /// A digest computed while bytes go by. One owner; `value` may be asked at any time.
  package struct Stream: ~Copyable {
    private let state: OpaquePointer

    package init() {
      // Only an allocation of 576 bytes can fail here; there is nothing sensible to do without memory.
      guard let state = XXH3_createState() else { preconditionFailure("out of memory") }
      XXH3_128bits_reset(state)
      self.state = state
    }

    deinit { XXH3_freeState(state) }

    /// Adds bytes; how they are cut into calls does not matter.
    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
      guard let start = bytes.baseAddress else { return }
      XXH3_128bits_update(state, start, bytes.count)
    }

    /// Adds bytes.
    package mutating func update(_ bytes: [UInt8]) {
      bytes.withUnsafeBytes { update($0) }
    }

    /// The digest of everything added so far.
    package var value: String { text(XXH3_128bits_digest(state)) }
  }

  private static func canonical(_ hash: XXH128_hash_t) -> [UInt8] {
    (0..<16).map { index in
      let half = index < 8 ? hash.high64 : hash.low64
      return UInt8(truncatingIfNeeded: half >> UInt64(56 - 8 * (index & 7)))
    }
  }

  private static func text(_ hash: XXH128_hash_t) -> String {
    prefix + hex(canonical(hash))
  }

  /// Lower-case hex digits, two a byte.
  package static func hex(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    text.reserveCapacity(2 * bytes.count)
    for byte in bytes {
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
  }
}
