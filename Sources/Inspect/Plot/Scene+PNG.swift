import Pipeline

extension Scene {
  /// The drawing as a PNG file (ISO 15948): 8-bit RGB, `scale` pixels a point.
  package func png(scale: Int = 2) -> [UInt8] {
    let raster = Raster(self, scale: scale)
    let header = Self.bigEndian(raster.width) + Self.bigEndian(raster.height) + [8, 2, 0, 0, 0]
    return [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A] + Self.chunk("IHDR", header)
      + Self.chunk("IDAT", Deflate.zlib(Self.filtered(raster))) + Self.chunk("IEND", [])
  }

  private static func bigEndian(_ value: Int) -> [UInt8] {
    withUnsafeBytes(of: UInt32(value).bigEndian) { Array($0) }
  }

  private static func chunk(_ type: String, _ data: [UInt8]) -> [UInt8] {
    let named = Array(type.utf8) + data
    return bigEndian(data.count) + named + bigEndian(Int(Checksum.crc32(named)))
  }

  /// Each row as its difference to the one above (filter 2): mostly zeros, as a drawing is mostly upright lines.
  private static func filtered(_ raster: Raster) -> [UInt8] {
    let stride = 3 * raster.width
    var bytes: [UInt8] = []
    bytes.reserveCapacity(raster.height * (stride + 1))
    for row in 0..<raster.height {
      bytes.append(2)
      for place in row * stride..<(row + 1) * stride {
        bytes.append(row == 0 ? raster.pixels[place] : raster.pixels[place] &- raster.pixels[place - stride])
      }
    }
    return bytes
  }
}

/// Deflate (RFC 1951) for runs of equal bytes or pixels: the fixed codes, and copies from one or three bytes back only.
enum Deflate {
  /// A zlib stream (RFC 1950) of one block.
  static func zlib(_ bytes: [UInt8]) -> [UInt8] {
    var bits = BitWriter(bytes: [0x78, 0x01])
    bits.write(0b011, 3)  // the last block; fixed codes
    var place = 0
    while place < bytes.count {
      let (bytewise, pixelwise) = (run(bytes, place, distance: 1), run(bytes, place, distance: 3))
      if max(bytewise, pixelwise) >= 3 {
        copy(max(bytewise, pixelwise), distance: bytewise >= pixelwise ? 1 : 3, &bits)
        place += max(bytewise, pixelwise)
      } else {
        symbol(Int(bytes[place]), &bits)
        place += 1
      }
    }
    symbol(256, &bits)
    bits.flush()
    var (a, b): (UInt32, UInt32) = (1, 0)
    for byte in bytes {
      a = (a + UInt32(byte)) % 65521
      b = (b + a) % 65521
    }
    return bits.bytes + withUnsafeBytes(of: (b << 16 | a).bigEndian) { Array($0) }
  }

  /// How many bytes from a place on are those `distance` before them.
  private static func run(_ bytes: [UInt8], _ place: Int, distance: Int) -> Int {
    guard place >= distance else { return 0 }
    var run = 0
    while run < 258, place + run < bytes.count, bytes[place + run] == bytes[place + run - distance] { run += 1 }
    return run
  }

  /// A literal, the end, or a length, in the fixed code (RFC 1951, 3.2.6).
  private static func symbol(_ value: Int, _ bits: inout BitWriter) {
    switch value {
    case 0..<144: bits.writeReversed(0x30 + value, 8)
    case 144..<256: bits.writeReversed(0x190 + value - 144, 9)
    case 256..<280: bits.writeReversed(value - 256, 7)
    default: bits.writeReversed(0xC0 + value - 280, 8)
    }
  }

  /// A copy of 3 … 258 bytes from distance 1 … 4. Lengths come in four classes for each number of extra bits.
  private static func copy(_ length: Int, distance: Int, _ bits: inout BitWriter) {
    let rest = length - 3
    if length == 258 {
      symbol(285, &bits)
    } else {
      let extra = rest < 8 ? 0 : (Int.bitWidth - 1 - rest.leadingZeroBitCount) - 2
      symbol(257 + 4 * extra + rest >> extra, &bits)
      bits.write(rest & (1 << extra - 1), extra)
    }
    bits.writeReversed(distance - 1, 5)
  }

  /// Bits, the lowest of a byte first.
  private struct BitWriter {
    private(set) var bytes: [UInt8]
    private var rest = 0
    private var count = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    mutating func write(_ value: Int, _ width: Int) {
      rest |= value << count
      count += width
      while count >= 8 {
        bytes.append(UInt8(rest & 0xFF))
        rest >>= 8
        count -= 8
      }
    }

    /// Codes are written from their highest bit on.
    mutating func writeReversed(_ value: Int, _ width: Int) {
      write((0..<width).reduce(0) { $0 << 1 | value >> $1 & 1 }, width)
    }

    mutating func flush() { if count > 0 { write(0, 8 - count) } }
  }
}
