import Foundation
import FoundationXML
import Testing

/// A PNG file, decoded by the standard's own words and no code of ours.
struct DecodedPNG {
  var width = 0
  var height = 0
  /// Red, green, blue.
  var pixels: [UInt8] = []

  init(_ bytes: [UInt8]) throws {
    try #require(bytes.prefix(8) == [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A])
    var place = 8, data: [UInt8] = [], types: [String] = []
    while place < bytes.count {
      try #require(place + 12 <= bytes.count)
      let length = Self.number(bytes[place..<place + 4])
      try #require(place + 12 + length <= bytes.count)
      let named = bytes[place + 4..<place + 8 + length]
      #expect(Self.number(bytes[place + 8 + length..<place + 12 + length]) == Int(Self.crc(named)))
      let type = String(decoding: named.prefix(4), as: UTF8.self)
      types.append(type)
      if type == "IHDR" {
        width = Self.number(named.dropFirst(4).prefix(4))
        height = Self.number(named.dropFirst(8).prefix(4))
        #expect(Array(named.dropFirst(12)) == [8, 2, 0, 0, 0])
      } else if type == "IDAT" {
        data += named.dropFirst(4)
      }
      place += 12 + length
    }
    #expect(types == ["IHDR", "IDAT", "IEND"])
    let rows = try Self.inflate(data)
    let stride = 3 * width
    try #require(rows.count == height * (stride + 1))
    pixels = [UInt8](repeating: 0, count: height * stride)
    for row in 0..<height {
      try #require(rows[row * (stride + 1)] == 2)
      for column in 0..<stride {
        let above = row == 0 ? 0 : pixels[(row - 1) * stride + column]
        pixels[row * stride + column] = rows[row * (stride + 1) + 1 + column] &+ above
      }
    }
  }

  func pixel(_ x: Int, _ y: Int) -> [UInt8] { Array(pixels[3 * (y * width + x)..<3 * (y * width + x) + 3]) }

  /// How many pixels have this colour.
  func count(_ hex: Int) -> Int {
    let colour = [UInt8(hex >> 16), UInt8(hex >> 8 & 0xFF), UInt8(hex & 0xFF)]
    return (0..<width * height).count {
      pixels[3 * $0] == colour[0] && pixels[3 * $0 + 1] == colour[1] && pixels[3 * $0 + 2] == colour[2]
    }
  }

  private static func number(_ bytes: ArraySlice<UInt8>) -> Int { bytes.reduce(0) { $0 << 8 | Int($1) } }

  private static func crc(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    var crc = UInt32.max
    for byte in bytes {
      crc ^= UInt32(byte)
      for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
    }
    return ~crc
  }

  /// A zlib stream of stored blocks or blocks with the fixed codes.
  static func inflate(_ bytes: [UInt8]) throws -> [UInt8] {
    var bits = Bits(bytes: bytes, place: 16)
    try #require(Self.number(bytes[0..<2]) % 31 == 0 && bytes[0] & 15 == 8)
    var output: [UInt8] = []
    var isLast = false
    while !isLast {
      isLast = try bits.take(1) == 1
      try #require(bits.take(2) == 1, "fixed codes")
      while true {
        let symbol = try bits.symbol()
        if symbol == 256 { break }
        if symbol < 256 {
          output.append(UInt8(symbol))
          continue
        }
        let extra = symbol == 285 || symbol < 265 ? 0 : (symbol - 261) / 4
        var length = symbol == 285 ? 258 : symbol - 254
        if symbol >= 265, symbol < 285 { length = 3 + ((symbol - 265) % 4 + 4) << extra }
        length += try bits.take(extra)
        let distance = try #require([0b00000: 1, 0b01000: 3][bits.take(5)])
        try #require(output.count >= distance)
        for _ in 0..<length { output.append(output[output.count - distance]) }
      }
    }
    var (a, b) = (1, 0)
    for byte in output {
      a = (a + Int(byte)) % 65521
      b = (b + a) % 65521
    }
    #expect(Self.number(bytes.suffix(4)) == b << 16 | a)
    #expect((bits.place + 7) / 8 == bytes.count - 4)
    return output
  }

  private struct Bits {
    let bytes: [UInt8]
    var place: Int

    mutating func take(_ count: Int) throws -> Int {
      var value = 0
      for bit in 0..<count {
        try #require(place / 8 < bytes.count)
        value |= Int(bytes[place / 8] >> UInt8(place % 8) & 1) << bit
        place += 1
      }
      return value
    }

    /// One symbol of the fixed code: 7, 8 or 9 bits, the highest first.
    mutating func symbol() throws -> Int {
      var code = 0
      for length in 1...9 {
        code = try code << 1 | take(1)
        switch (length, code) {
        case (7, 0..<0x18): return 256 + code
        case (8, 0x30..<0xC0): return code - 0x30
        case (8, 0xC0..<0xC8): return 280 + code - 0xC0
        case (9, 0x190...): return 144 + code - 0x190
        default: continue
        }
      }
      throw POSIXError(.EILSEQ)
    }
  }
}

/// An SVG file as an XML parser sees it.
final class ParsedSVG: NSObject, XMLParserDelegate {
  private(set) var elements: [(name: String, attributes: [String: String])] = []
  private(set) var texts: [String] = []
  private var isText = false

  init(_ text: String) throws {
    super.init()
    let parser = XMLParser(data: Data(text.utf8))
    parser.delegate = self
    try #require(parser.parse(), "\(String(describing: parser.parserError))")
  }

  func parser(
    _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
    attributes: [String: String]
  ) {
    elements.append((name, attributes))
    isText = name == "text"
    if isText { texts.append("") }
  }

  func parser(_ parser: XMLParser, foundCharacters string: String) {
    if isText { texts[texts.count - 1] += string }
  }

  func parser(
    _ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?
  ) { isText = false }

  func count(_ name: String) -> Int { elements.count { $0.name == name } }
}
