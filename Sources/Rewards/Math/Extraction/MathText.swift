/// Prepares a response: what a reader would not see is blanked, and what is written in Unicode becomes ASCII or LaTeX.
enum MathText {
  /// The text itself where there is nothing to do, which one pass tells.
  static func prepared(_ text: [UInt8]) -> [UInt8] {
    let (isASCII, mayHide) = kind(of: text)
    let shown = mayHide ? withoutHidden(text) : text
    return isASCII ? shown : folded(shown)
  }

  /// One pass without branches: most texts have nothing to blank or to fold.
  private static func kind(of text: [UInt8]) -> (isASCII: Bool, mayHide: Bool) {
    text.withUnsafeBufferPointer { bytes in
      var all = bytes.last ?? 0
      var hides = all == UInt8(ascii: "%")
      for index in 0..<max(0, bytes.count - 1) {
        let (byte, next) = (bytes[index], bytes[index + 1])
        all |= byte
        let opens = byte == UInt8(ascii: "%")
        let comments = (byte == UInt8(ascii: "<")) && (next == UInt8(ascii: "!"))
        let phantoms = (byte == UInt8(ascii: "\\")) && (next == UInt8(ascii: "p"))
        hides = hides || opens || comments || phantoms
      }
      return (all < 0x80, hides)
    }
  }

  /// HTML comments, lines of LaTeX comments and `\phantom{}` become spaces.
  private static func withoutHidden(_ text: [UInt8]) -> [UInt8] {
    var result = text
    var index = 0
    var isLineStart = true
    while index < text.count {
      let byte = text[index]
      var stop = index
      if byte == UInt8(ascii: "%"), isLineStart {
        while stop < text.count, text[stop] != 0x0A { stop += 1 }
      } else if byte == UInt8(ascii: "<"), text.has("<!--", at: index, end: text.count) {
        guard let close = text.first("-->", in: index..<text.count) else { return result }
        stop = close + 3
      } else if byte == UInt8(ascii: "\\"), text.has("phantom{", at: index + 1, end: text.count) {
        stop = closingBrace(text, from: index + 9)
      }
      for hidden in index..<stop { result[hidden] = 0x20 }
      isLineStart = byte == 0x0A || (isLineStart && isSpace(byte))
      index = max(stop, index + 1)
    }
    return result
  }

  /// Behind the brace that closes what is open at `start`.
  private static func closingBrace(_ text: [UInt8], from start: Int) -> Int {
    var depth = 1
    var index = start
    while index < text.count, depth > 0 {
      if text[index] == UInt8(ascii: "{") { depth += 1 }
      if text[index] == UInt8(ascii: "}") { depth -= 1 }
      index += 1
    }
    return index
  }

  private static func folded(_ text: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(text.count + 16)
    // Superscripts that follow each other share one exponent.
    var exponent: [UInt8] = []
    for scalar in String(decoding: text, as: UTF8.self).unicodeScalars {
      if let digit = superscript(scalar.value) {
        exponent.append(digit)
        continue
      }
      if !exponent.isEmpty {
        result += [UInt8(ascii: "^"), UInt8(ascii: "{")] + exponent + [UInt8(ascii: "}")]
        exponent = []
      }
      append(scalar, to: &result)
    }
    if !exponent.isEmpty { result += [UInt8(ascii: "^"), UInt8(ascii: "{")] + exponent + [UInt8(ascii: "}")] }
    return result
  }

  private static func append(_ scalar: Unicode.Scalar, to result: inout [UInt8]) {
    let value = scalar.value
    if value < 0x80 {
      result.append(UInt8(value))
    } else if value >= 0xFF01, value <= 0xFF5E {
      // Full-width forms of ASCII.
      result.append(UInt8(value - 0xFF01 + 0x21))
    } else if scalar.properties.generalCategory == .decimalNumber, let digit = scalar.properties.numericValue {
      result.append(UInt8(digit) + 0x30)
    } else if let known = table[value] {
      result += known.utf8
    } else {
      switch scalar.properties.generalCategory {
      case .format, .nonspacingMark, .control: break
      case .spaceSeparator, .lineSeparator, .paragraphSeparator: result.append(0x20)
      default: result += String(scalar).utf8
      }
    }
  }

  private static func superscript(_ value: UInt32) -> UInt8? {
    switch value {
    case 0xB9: UInt8(ascii: "1")
    case 0xB2, 0xB3: UInt8(value - 0xB2 + 0x32)
    case 0x2070, 0x2074...0x2079: UInt8(value - 0x2070 + 0x30)
    case 0x207A: UInt8(ascii: "+")
    case 0x207B: UInt8(ascii: "-")
    default: nil
    }
  }

  private static let table: [UInt32: String] = [
    0x2212: "-", 0x2013: "-", 0x2012: "-", 0x2010: "-", 0x2011: "-", 0xD7: "\\times ", 0xB7: "\\cdot ",
    0x22C5: "\\cdot ", 0x2217: "*", 0xF7: "/", 0x2215: "/", 0x2044: "/", 0xB1: "\\pm ", 0x3C0: "\\pi ",
    0x221A: "\\surd ", 0x221E: "\\infty ", 0x2264: "\\le ", 0x2265: "\\ge ", 0x2260: "\\ne ", 0x2248: "\\approx ",
    0x222A: "\\cup ", 0x2229: "\\cap ", 0x2208: "\\in ", 0x2205: "\\emptyset ", 0xB0: "\\degree ", 0x27E8: "\\langle ",
    0x27E9: "\\rangle ", 0x2227: "\\land ", 0x2228: "\\lor ", 0xBD: "\\frac{1}{2}", 0xBC: "\\frac{1}{4}",
    0xBE: "\\frac{3}{4}", 0x2153: "\\frac{1}{3}", 0x2154: "\\frac{2}{3}", 0x2155: "\\frac{1}{5}",
    0x2156: "\\frac{2}{5}", 0x2157: "\\frac{3}{5}", 0x2158: "\\frac{4}{5}", 0x2159: "\\frac{1}{6}",
    0x215A: "\\frac{5}{6}", 0x215B: "\\frac{1}{8}", 0x215C: "\\frac{3}{8}", 0x215D: "\\frac{5}{8}",
    0x215E: "\\frac{7}{8}", 0x20AC: "$", 0xA3: "$", 0xA5: "$", 0x20B9: "$", 0x2018: "'", 0x2019: "'", 0x201C: "\"",
    0x201D: "\"", 0x2026: "...", 0x3B1: "\\alpha ", 0x3B2: "\\beta ", 0x3B3: "\\gamma ", 0x3B8: "\\theta ",
    0x3BB: "\\lambda ", 0x3BC: "\\mu ", 0x3C6: "\\phi ", 0x3C9: "\\omega ",
  ]
}
