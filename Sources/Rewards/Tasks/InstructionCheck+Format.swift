/// Content and layout.
extension InstructionCheck {
  func format(_ id: String, _ settings: Fact) -> Bool? {
    func atLeast(_ count: Int, _ key: String) -> Bool? { settings[key]?.number.map { Double(count) >= $0 } }
    switch id {
    case "detectable_content:number_placeholders": return atLeast(placeholders, "num_placeholders")
    case "detectable_content:postscript": return settings["postscript_marker"]?.text.map(hasPostscript)
    case "detectable_format:number_bullet_lists": return settings["num_bullets"]?.number.map { Double(bullets) == $0 }
    case "detectable_format:number_highlighted_sections": return atLeast(highlights, "num_highlights")
    case "detectable_format:multiple_sections":
      guard let mark = settings["section_spliter"]?.text, !mark.isEmpty else { return nil }
      return atLeast(sections(Array(mark.utf8)), "num_sections")
    case "detectable_format:title": return hasTitle
    case "detectable_format:json_format": return isJSON
    case "detectable_format:constrained_response":
      return ["My answer is yes.", "My answer is no.", "My answer is maybe."].contains {
        !occurrences(of: Array($0.utf8), in: text).isEmpty
      }
    default: return nil
    }
  }

  private var lines: [ArraySlice<UInt8>] { text.split(separator: 0x0A) }

  /// Lines that begin with `-`, or with one `*` before anything else.
  private var bullets: Int {
    lines.count { line in
      let body = line.drop(while: isSpace)
      if body.first == UInt8(ascii: "-") { return true }
      return body.first == UInt8(ascii: "*") && body.dropFirst().first.map { $0 != UInt8(ascii: "*") } ?? false
    }
  }

  /// `[…]` on one line.
  private var placeholders: Int {
    lines.reduce(0) { sum, line in
      var (count, isOpen) = (0, false)
      for byte in line {
        if isOpen, byte == UInt8(ascii: "]") {
          count += 1
          isOpen = false
        } else if byte == UInt8(ascii: "[") {
          isOpen = true
        }
      }
      return sum + count
    }
  }

  /// `*…*` and `**…**` on one line with something between.
  private var highlights: Int { highlights(width: 1) + highlights(width: 2) }

  private func highlights(width: Int) -> Int {
    let star = UInt8(ascii: "*")
    func opens(_ index: Int) -> Bool {
      index + width <= text.count && text[index..<(index + width)].allSatisfy { $0 == star }
    }
    var count = 0
    var index = 0
    while index < text.count {
      guard opens(index) else {
        index += 1
        continue
      }
      var stop = index + width
      while stop < text.count, text[stop] != star, text[stop] != 0x0A { stop += 1 }
      if opens(stop) {
        count += text.trimmed((index + width)..<stop).isEmpty ? 0 : 1
        index = stop + width
      } else {
        // No star before `stop`; where nothing stood between, the next star may open.
        index = stop > index + width ? stop : index + 1
      }
    }
    return count
  }

  /// How often the mark stands before a number.
  private func sections(_ mark: [UInt8]) -> Int {
    separate(mark, in: text).count { place in
      var next = place + mark.count
      if next < text.count, isSpace(text[next]) { next += 1 }
      return next < text.count && isDigit(text[next])
    }
  }

  /// `<<…>>` on one line with something between.
  private var hasTitle: Bool {
    lines.contains { line in
      let bytes = Array(line)
      guard let open = bytes.first("<<", in: 0..<bytes.count),
        let close = bytes.last(">>", in: (open + 2)..<bytes.count)
      else { return false }
      return bytes[(open + 2)..<close].contains { !isSpace($0) && $0 != UInt8(ascii: "<") && $0 != UInt8(ascii: ">") }
    }
  }

  /// JSON, with or without a fence around it.
  private var isJSON: Bool {
    var range = text.trimmed(0..<text.count)
    if lower.has("```json", at: range.lowerBound, end: range.upperBound) {
      range = (range.lowerBound + 7)..<range.upperBound
    } else if text.has("```", at: range.lowerBound, end: range.upperBound) {
      range = (range.lowerBound + 3)..<range.upperBound
    }
    if text.has("```", at: range.upperBound - 3, end: range.upperBound), range.count >= 3 {
      range = range.lowerBound..<(range.upperBound - 3)
    }
    return (try? JSONText.parse(text, in: range)) != nil
  }

  private static let postscript = try? Pattern(#"p\.\s?s\."#)
  private static let secondPostscript = try? Pattern(#"p\.\s?p\.\s?s"#)

  private func hasPostscript(_ marker: String) -> Bool {
    switch marker {
    case "P.S.": Self.postscript?.firstMatch(in: lower) != nil
    case "P.P.S": Self.secondPostscript?.firstMatch(in: lower) != nil
    default: !occurrences(of: Self.lowered(marker), in: lower).isEmpty
    }
  }

  // MARK: - Pieces

  /// Places of `mark` that do not overlap, from the left.
  func separate(_ mark: [UInt8], in text: [UInt8]) -> [Int] {
    var end = 0
    return occurrences(of: mark, in: text).filter { place in
      guard place >= end else { return false }
      end = place + mark.count
      return true
    }
  }

  /// What stands between the marks.
  func pieces(by mark: String) -> [Range<Int>] {
    let bytes = Array(mark.utf8)
    var start = 0
    var pieces: [Range<Int>] = []
    for place in separate(bytes, in: text) {
      pieces.append(start..<place)
      start = place + bytes.count
    }
    return pieces + [start..<text.count]
  }

  /// How many pieces are not blank; nil where a blank one is neither the first nor the last.
  func filled(_ pieces: [Range<Int>]) -> Int? {
    let blank = pieces.map { text.trimmed($0).isEmpty }
    guard !blank.dropFirst().dropLast().contains(true) else { return nil }
    return blank.count { !$0 }
  }

  private static let shortened: Set<String> = [
    "mr", "mrs", "ms", "dr", "prof", "st", "vs", "e.g", "i.e", "etc", "no", "fig",
  ]

  /// Ends of sentences: marks that white space or the end follows (behind quotation marks and brackets), and a rest
  /// without one. "Mr.", "e.g." and the like end none.
  var sentences: Int {
    let scalars = Array(String(decoding: text, as: UTF8.self).unicodeScalars)
    var (count, index, wordStart, hasContent) = (0, 0, 0, false)
    while index < scalars.count {
      let scalar = scalars[index]
      index += 1
      if scalar.endsSentence || scalar.endsUnspacedSentence {
        let word = scalars[wordStart..<(index - 1)]
        while index < scalars.count, scalars[index].endsSentence || scalars[index].closesQuotation { index += 1 }
        let isEnd = index == scalars.count || scalars[index].isWhite || scalar.endsUnspacedSentence
        let isShort =
          scalar == "." && word.count <= 4
          && Self.shortened.contains(String(String.UnicodeScalarView(word)).lowercased()) && index < scalars.count
        if isEnd, hasContent, !isShort {
          count += 1
          hasContent = false
        }
      } else if scalar.isWord {
        hasContent = true
      }
      if scalar.isWhite { wordStart = index }
    }
    return count + (hasContent ? 1 : 0)
  }
}

extension Unicode.Scalar {
  fileprivate var endsSentence: Bool { self == "." || self == "!" || self == "?" || self == "…" }
  /// No white space follows these.
  fileprivate var endsUnspacedSentence: Bool {
    self == "。" || self == "！" || self == "？" || self == "।" || self == "؟"
  }
  fileprivate var closesQuotation: Bool {
    switch self {
    case "\"", "'", ")", "]", "”", "’", "*": true
    default: false
    }
  }
}
