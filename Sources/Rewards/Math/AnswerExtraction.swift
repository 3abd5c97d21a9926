/// Finds the number that a text gives as its answer.
///
/// 1. Only what follows the last `</think>` counts.
/// 2. The last of these marks that has a number counts: `\boxed{…}` (the content must be a number), the content of
///    `<answer>…</answer>`, `Answer: N` (any case), `#### N`. A box or tag whose content is no number is decisive too:
///    no answer; so are boxes joined by "and", "or" or a comma that disagree. An `Answer:` without a number is skipped.
/// 3. Otherwise the first number behind the last "answer" of a line ("the answer is 5"), unless "not" stands between.
/// 4. Otherwise a text (of at most ``wholeLimit`` bytes) that is nothing but a number, or one line of an equation that
///    ends in one, is it.
/// 5. Otherwise, with the fallback, the last number of the text.
///
/// In 3 and 5 a number that is part of an expression or of a choice ("40 + 2", "9**9", "x^2", "10-3", "5 or 6") is
/// none.
struct AnswerExtraction {
  let text: [UInt8]
  /// Whether rule 5 holds.
  let fallback: Bool

  static let wholeLimit = 512

  func number() -> ExactNumber? {
    var range = 0..<text.count
    if let close = text.last("</think>", in: range) { range = (close + 8)..<text.count }
    range = text.trimmed(range)
    let marks = AnswerMarkers(in: text, range)
    for mark in marks.markers.reversed() {
      switch mark.kind {
      case .box: return isHedged(marks.markers, mark) ? nil : whole(mark.content)
      case .tag: return whole(mark.content) ?? (fallback ? lastNumber(in: mark.content) : nil)
      case .answerLine, .hashes:
        if let found = firstNumber(behind: mark.content) { return found }
      }
    }
    if let place = marks.mentions.last, let found = stated(behind: place, end: range.upperBound) { return found.number }
    let isShort = range.count <= Self.wholeLimit
    if isShort, let number = whole(range, isLine: !text[range].contains(0x0A)) { return number }
    return fallback ? lastNumber(in: range) : nil
  }

  /// Whether the box before `last` is joined to it by "and", "or" or a comma and holds another number.
  private func isHedged(_ markers: [AnswerMarkers.Marker], _ last: AnswerMarkers.Marker) -> Bool {
    guard let before = markers.last(where: { $0.kind == .box && $0.content.upperBound < last.content.lowerBound }),
      let command = text.last("\\", in: before.content.upperBound..<last.content.lowerBound)
    else { return false }
    let joint = text[before.content.upperBound..<command].filter {
      !isSpace($0) && $0 != UInt8(ascii: "$") && $0 != UInt8(ascii: "}")
    }
    let words: [StaticString] = ["and", "or", ","]
    guard words.contains(where: { joint.count == $0.utf8CodeUnitCount && joint.hasFolded($0, at: 0, end: joint.count) })
    else { return false }
    return whole(before.content) != whole(last.content)
  }

  /// The number that a whole content is: what follows its last "=", decoration and a unit aside. A content that is not
  /// one line (a text of several) may have neither equation nor unit.
  func whole(_ range: Range<Int>, isLine: Bool = true) -> ExactNumber? {
    var range = text.trimmed(range)
    while let last = range.last, Self.isPunctuation(text[last]) { range = text.trimmed(range.lowerBound..<last) }
    if isLine, let equals = range.last(where: { text[$0] == UInt8(ascii: "=") }) {
      range = (equals + 1)..<range.upperBound
    }
    var start = text.skippingSpace(range.lowerBound, end: range.upperBound)
    while start < range.upperBound, Self.isDecoration(text[start]) { start += 1 }
    let reader = NumberReader(text: text, end: range.upperBound, loose: true)
    guard case .number(let number, let stop) = reader.value(at: start) else { return nil }
    let tail = stop..<range.upperBound
    guard isLine || !text[tail].contains(where: isLetter) else { return nil }
    return isUnit(tail, reader) ? number : nil
  }

  /// Whether nothing but decoration and a unit follows a whole number: no digits, no operators, and no letter that
  /// touches it (a variable, a factor "k").
  private func isUnit(_ range: Range<Int>, _ reader: NumberReader) -> Bool {
    if let first = range.first, isLetter(text[first]) {
      guard range.count > 1, isLetter(text[first + 1]) else { return false }
    }
    var index = range.lowerBound
    while index < range.upperBound {
      let next = reader.space(index)
      if next > index {
        index = next
        continue
      }
      switch text[index] {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "/"),
        UInt8(ascii: "|"), UInt8(ascii: ","), UInt8(ascii: "!"), UInt8(ascii: "("), UInt8(ascii: "["):
        return false
      case UInt8(ascii: "*") where !text.has("**", at: index, end: range.upperBound): return false
      case UInt8(ascii: "*"): index += 2
      case UInt8(ascii: "^"), UInt8(ascii: "_"):
        guard let stop = degrees(at: index, end: range.upperBound) else { return false }
        index = stop
      case UInt8(ascii: "\\"):
        guard let open = reader.groupCommand(at: index) else { return false }
        index = open + 1
      default: index += 1
      }
    }
    return true
  }

  /// `^\circ` and `^{\circ}`.
  private func degrees(at index: Int, end: Int) -> Int? {
    if text.has("^\\circ", at: index, end: end) { return index + 6 }
    return text.has("^{\\circ}", at: index, end: end) ? index + 8 : nil
  }

  static func isPunctuation(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: ".") || byte == UInt8(ascii: ",") || byte == UInt8(ascii: ";") || byte == UInt8(ascii: "?")
      || byte == UInt8(ascii: ":")
  }

  /// Marks of emphasis and quotation around a number.
  static func isDecoration(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: "*") || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "`") || byte == UInt8(ascii: "\"")
      || byte == UInt8(ascii: "'")
  }
}
