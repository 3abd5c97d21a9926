extension Terminal {
  /// Text of a model made safe to print: no escape sequences, no control characters but newline and tab, no
  /// characters that reorder or hide text.
  ///
  /// Removed: escape sequences of ECMA-48 (CSI, OSC, DCS, SOS, PM, APC and two-character ones, introduced by ESC or by
  /// their C1 form), the other C0 and C1 controls and DEL (so `\r` goes too), bidirectional embeddings, overrides,
  /// isolates and marks (U+061C, U+200E…F, U+202A…E, U+2066…9), line and paragraph separators, interlinear
  /// annotation, byte-order marks and tag characters (U+E0000…7F). A string sequence that never ends loses its
  /// introducer only: a terminal would swallow the rest of the text, which is what the reader came for.
  package static func sanitize(_ text: String) -> String {
    if isPlain(text) { return text }
    let input = Array(text.unicodeScalars)
    var output = String.UnicodeScalarView()
    var place = 0
    while place < input.count {
      if let end = endOfSequence(input, from: place) {
        place = end
        continue
      }
      if !isHidden(input[place]) { output.append(input[place]) }
      place += 1
    }
    return String(output)
  }

  /// Like `sanitize`, on one line: a line break becomes `⏎`, a tab a space; cut to `limit` columns with `…`.
  package static func sanitizeLine(_ text: String, limit: Int = .max) -> String {
    var line = ""
    var used = 0
    for character in sanitize(text) {
      let shown: Character = character == "\n" ? "⏎" : character == "\t" ? " " : character
      let width = width(of: shown)
      if used + width > limit {
        while used > max(limit - 1, 0), let last = line.popLast() { used -= self.width(of: last) }
        return limit > 0 ? line + "…" : ""
      }
      line.append(shown)
      used += width
    }
    return line
  }

  /// Printable ASCII, newline and tab only: nearly every response, and nothing to do.
  private static func isPlain(_ text: String) -> Bool {
    text.utf8.allSatisfy { ($0 >= 0x20 && $0 < 0x7F) || $0 == 0x0A || $0 == 0x09 }
  }

  /// Whether a scalar on its own must not reach the terminal.
  private static func isHidden(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x09, 0x0A: false
    case 0x00...0x1F, 0x7F...0x9F: true
    case 0x061C, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069: true
    case 0xFEFF, 0xFFF9...0xFFFB, 0xE0000...0xE007F: true
    default: false
    }
  }

  /// The place after the escape sequence that starts at `start`; nil when none starts there.
  private static func endOfSequence(_ input: [Unicode.Scalar], from start: Int) -> Int? {
    switch input[start].value {
    case 0x9B: return endOfControl(input, from: start + 1)
    case 0x90, 0x98, 0x9D, 0x9E, 0x9F: return endOfString(input, from: start + 1) ?? start + 1
    case 0x1B: break
    default: return nil
    }
    guard start + 1 < input.count else { return start + 1 }
    switch input[start + 1].value {
    case 0x5B: return endOfControl(input, from: start + 2)  // [
    case 0x50, 0x58, 0x5D, 0x5E, 0x5F:  // P X ] ^ _
      return endOfString(input, from: start + 2) ?? start + 2
    case 0x20...0x2F:  // intermediates, then one final character
      var place = start + 1
      while place < input.count, (0x20...0x2F).contains(input[place].value) { place += 1 }
      return place < input.count && (0x30...0x7E).contains(input[place].value) ? place + 1 : place
    case 0x30...0x7E: return start + 2
    default: return start + 1
    }
  }

  /// CSI: parameters 0x30…3F, intermediates 0x20…2F, one final 0x40…7E (ECMA-48 §5.4).
  private static func endOfControl(_ input: [Unicode.Scalar], from start: Int) -> Int {
    var place = start
    while place < input.count, (0x20...0x3F).contains(input[place].value) { place += 1 }
    return place < input.count && (0x40...0x7E).contains(input[place].value) ? place + 1 : place
  }

  /// A control string ends with ST (ESC \ or U+009C), an OSC in practice also with BEL. Nil: it never ends.
  private static func endOfString(_ input: [Unicode.Scalar], from start: Int) -> Int? {
    for place in start..<max(start, input.count) {
      switch input[place].value {
      case 0x07, 0x9C: return place + 1
      case 0x1B: return place + 1 < input.count && input[place + 1].value == 0x5C ? place + 2 : nil
      default: continue
      }
    }
    return nil
  }

  /// Columns that text takes in a terminal (one line of it).
  package static func width(of text: String) -> Int {
    text.reduce(0) { $0 + width(of: $1) }
  }

  /// Columns of one character: 0 for a bare combining mark, 2 for East Asian wide forms and emoji, else 1.
  ///
  /// An approximation of Unicode Annex 11 by block, as terminals themselves use.
  static func width(of character: Character) -> Int {
    guard let scalar = character.unicodeScalars.first else { return 0 }
    switch scalar.value {
    case 0x00..<0x20, 0x7F..<0xA0: return 0
    case 0x20..<0x300: return 1
    case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F,
      0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F680...0x1F6FF, 0x1F900...0x1F9FF, 0x20000...0x3FFFD:
      return 2
    default: break
    }
    switch scalar.properties.generalCategory {
    case .nonspacingMark, .enclosingMark, .format: return 0
    default: return scalar.properties.isEmojiPresentation ? 2 : 1
    }
  }
}

extension Terminal {
  /// JSON text with every character that could steer a terminal written as `\u….` in its strings: the same data.
  ///
  /// - Parameter text: Valid JSON, whose only control characters outside strings are newlines.
  package static func escapedJSON(_ text: String) -> String {
    if isPlain(text) { return text }
    var output = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      if isHidden(scalar) {
        for unit in String(scalar).utf16 {
          let digits = String(unit, radix: 16)
          output.append(contentsOf: ("\\u" + String(repeating: "0", count: 4 - digits.count) + digits).unicodeScalars)
        }
      } else {
        output.append(scalar)
      }
    }
    return String(output)
  }
}
