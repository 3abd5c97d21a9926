/// Decodes UTF-8 that comes in pieces: keeps an unfinished character back, and puts U+FFFD for each maximal part that
/// cannot be one (Unicode 16, section 3.9, table 3-8; the same as Python's incremental decoder with "replace").
struct UTF8Repair: Sendable {
  private static let replacement: [UInt8] = [0xEF, 0xBF, 0xBD]

  /// The bytes of an unfinished character, at most three.
  private var pending: [UInt8] = []
  /// How many bytes it still needs, and the range the next of them must be in.
  private var missing = 0
  private var allowed: ClosedRange<UInt8> = 0x80...0xBF

  init() {}

  /// Appends what is decided after these bytes; the output is valid UTF-8.
  mutating func append(_ bytes: some Collection<UInt8>, to output: inout [UInt8]) {
    for byte in bytes {
      if missing > 0 {
        if allowed.contains(byte) {
          pending.append(byte)
          allowed = 0x80...0xBF
          missing -= 1
          if missing == 0 {
            output += pending
            pending.removeAll(keepingCapacity: true)
          }
          continue
        }
        finish(to: &output)
      }
      begin(byte, &output)
    }
  }

  /// Appends U+FFFD for an unfinished character, and starts over.
  mutating func finish(to output: inout [UInt8]) {
    if missing > 0 { output += Self.replacement }
    pending.removeAll(keepingCapacity: true)
    missing = 0
    allowed = 0x80...0xBF
  }

  private mutating func begin(_ byte: UInt8, _ output: inout [UInt8]) {
    switch byte {
    case 0x00...0x7F:
      output.append(byte)
      return
    case 0xC2...0xDF: missing = 1
    case 0xE0: (missing, allowed) = (2, 0xA0...0xBF)
    case 0xED: (missing, allowed) = (2, 0x80...0x9F)
    case 0xE1...0xEF: missing = 2
    case 0xF0: (missing, allowed) = (3, 0x90...0xBF)
    case 0xF1...0xF3: missing = 3
    case 0xF4: (missing, allowed) = (3, 0x80...0x8F)
    default:
      output += Self.replacement
      return
    }
    pending.append(byte)
  }
}
