/// The alphabet of byte-level BPE (GPT-2): each byte is written as one printable character, so that a vocabulary file
/// is readable text. The 188 bytes that are printable in Latin-1 stand for themselves; the others, in order, are
/// U+0100, U+0101, … (0x20 is "Ġ", 0x0A is "Ċ").
enum ByteAlphabet {
  /// The character of each byte.
  static let scalars: [UInt16] = {
    var next: UInt16 = 0x100
    return (UInt16(0)..<256).map { byte in
      switch byte {
      case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: return byte
      default:
        defer { next += 1 }
        return next
      }
    }
  }()

  /// The byte of each character below U+0144; -1 for a character that stands for no byte.
  private static let bytes: [Int16] = {
    var table = [Int16](repeating: -1, count: 0x144)
    for (byte, scalar) in scalars.enumerated() { table[Int(scalar)] = Int16(byte) }
    return table
  }()

  /// Appends the spelling of a byte, in UTF-8.
  @inline(__always)
  static func append(_ byte: UInt8, to spelling: inout [UInt8]) {
    let scalar = scalars[Int(byte)]
    if scalar < 0x80 {
      spelling.append(UInt8(scalar))
    } else {
      spelling.append(UInt8(0xC0 | scalar >> 6))
      spelling.append(UInt8(0x80 | scalar & 0x3F))
    }
  }

  /// The bytes that a token's spelling stands for; nil when one of its characters is not of the alphabet.
  /// All characters of the alphabet take one or two bytes of UTF-8.
  static func decode(_ spelling: some Collection<UInt8>) -> [UInt8]? {
    var result: [UInt8] = []
    result.reserveCapacity(spelling.count)
    var lead: UInt8 = 0
    for unit in spelling {
      let scalar: Int
      if lead != 0 {
        scalar = Int(lead & 0x1F) << 6 | Int(unit & 0x3F)
        lead = 0
      } else if unit < 0x80 {
        scalar = Int(unit)
      } else if unit & 0xE0 == 0xC0 {
        lead = unit
        continue
      } else {
        return nil
      }
      guard scalar < bytes.count, bytes[scalar] >= 0 else { return nil }
      result.append(UInt8(bytes[scalar]))
    }
    return result
  }
}
