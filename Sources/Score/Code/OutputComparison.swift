internal import Pipeline

/// Compares what a program wrote with what was expected.
enum OutputComparison {
  /// nil where they are the same; else what differs.
  ///
  /// - `lines`: white space at the ends of lines, and blank lines at the end, do not count.
  /// - `tokens`: only what stands between white space counts.
  static func difference(_ found: [UInt8], expected: [UInt8], by rule: CodeSettings.Comparison)
    -> String?
  {
    let (a, b) = (pieces(found, rule), pieces(expected, rule))
    if a == b { return nil }
    let place =
      zip(a, b).enumerated().first { $0.element.0 != $0.element.1 }?.offset ?? min(a.count, b.count)
    let what = rule == .exact ? "" : " in \(rule == .lines ? "line" : "word") \(place + 1)"
    return "expected \(text(b, place))\(what), found \(text(a, place))"
  }

  private static func pieces(_ bytes: [UInt8], _ rule: CodeSettings.Comparison) -> [ArraySlice<
    UInt8
  >] {
    switch rule {
    case .exact: return [bytes[...]]
    case .tokens: return bytes.split(whereSeparator: isSpace)
    case .lines:
      var lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false).map { line in
        line[..<(line.lastIndex { !isSpace($0) }.map { $0 + 1 } ?? line.startIndex)]
      }
      while lines.last?.isEmpty == true { lines.removeLast() }
      return lines
    }
  }

  private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (9...13).contains(byte) }

  private static func text(_ pieces: [ArraySlice<UInt8>], _ place: Int) -> String {
    guard place < pieces.count else { return "nothing" }
    return
      "'\(Terminal.sanitizeLine(String(decoding: pieces[place].prefix(200), as: UTF8.self), limit: 60))'"
  }
}
