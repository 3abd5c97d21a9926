/// Cuts the program out of a response.
enum CodeExtraction {
  /// A longer program is no program.
  static let limit = 1 << 20

  /// - `fence`: the content of the last closed code block that names no language or one of `languages` (`*`: any).
  /// - `tag`: the content of the last closed `<answer>`; if that holds such a block, the block's.
  /// - `text`: the whole response, without blocks being looked for.
  ///
  /// - Returns: nil where there is none, or it is blank. Linear in the text.
  static func program(in response: [UInt8], _ settings: CodeSettings) -> String? {
    var found: ArraySlice<UInt8>?
    switch settings.source {
    case .fence: found = block(in: response[...], settings.languages)
    case .tag: found = tag(in: response).map { block(in: $0, settings.languages) ?? $0 }
    case .text: found = response[...]
    }
    guard let found, found.count <= limit, !found.allSatisfy({ $0 <= 0x20 }) else { return nil }
    return String(decoding: found, as: UTF8.self)
  }

  private static func block(in text: ArraySlice<UInt8>, _ languages: [String]) -> ArraySlice<UInt8>? {
    var last: ArraySlice<UInt8>?
    var open: (ticks: Int, start: Int, counts: Bool)?
    var line = text.startIndex
    while line < text.endIndex {
      let end = text[line...].firstIndex(of: 0x0A) ?? text.endIndex
      let next = min(end + 1, text.endIndex)
      let inner = trimmed(text[line..<end])
      let ticks = inner.prefix { $0 == UInt8(ascii: "`") }.count
      if let opened = open {
        let tail = inner.reversed().prefix { $0 == UInt8(ascii: "`") }.count
        if ticks >= opened.ticks && ticks == inner.count {
          if opened.counts { last = text[opened.start..<line] }
          open = nil
        } else if ticks == 0, tail == opened.ticks {  // code and the closing fence on one line
          if opened.counts { last = text[opened.start..<(inner.endIndex - tail)] }
          open = nil
        }
      } else if ticks >= 3, !inner.dropFirst(ticks).contains(UInt8(ascii: "`")) {
        open = (ticks, next, counts(inner.dropFirst(ticks), languages))
      }
      line = next
    }
    return last
  }

  /// Whether a block with this text after its opening fence counts.
  private static func counts(_ info: ArraySlice<UInt8>, _ languages: [String]) -> Bool {
    let word = trimmed(info).prefix { $0 > 0x20 && $0 != UInt8(ascii: "{") && $0 != UInt8(ascii: ":") }
    return word.isEmpty || languages.contains("*")
      || languages.contains(String(decoding: word, as: UTF8.self).lowercased())
  }

  private static func tag(in text: [UInt8]) -> ArraySlice<UInt8>? {
    let (open, close) = (Array("<answer>".utf8), Array("</answer>".utf8))
    guard let end = lastIndex(of: close, in: text[...]), let start = lastIndex(of: open, in: text[..<end]) else {
      return nil
    }
    return text[(start + open.count)..<end]
  }

  private static func lastIndex(of word: [UInt8], in text: ArraySlice<UInt8>) -> Int? {
    guard text.count >= word.count else { return nil }
    return (text.startIndex...(text.endIndex - word.count)).last { text[$0] == word[0] && text[$0...].starts(with: word) }
  }

  private static func trimmed(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    var text = text
    while let first = text.first, first <= 0x20 { text.removeFirst() }
    while let last = text.last, last <= 0x20 { text.removeLast() }
    return text
  }
}
