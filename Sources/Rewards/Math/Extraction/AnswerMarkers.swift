/// The places where a text says what its answer is.
struct AnswerMarkers {
  enum Kind: Equatable { case box, tag, answerLine, hashes }

  struct Marker: Equatable {
    let kind: Kind
    /// box, tag: the content. answerLine, hashes: from behind the marker to the end of the text.
    let content: Range<Int>
  }

  /// In order of their beginning.
  private(set) var markers: [Marker] = []
  /// Behind each "answer" that is followed by no colon ("the answer is 5"), in order.
  private(set) var mentions: [Int] = []

  /// One pass over the text, linear: every byte is looked at a bounded number of times.
  init(in text: [UInt8], _ range: Range<Int>) {
    var openBraces: [(isBox: Bool, start: Int)] = []
    var pendingBox = -1
    var index = range.lowerBound
    while index < range.upperBound {
      switch text[index] {
      case UInt8(ascii: "\\"):
        if let content = Self.boxCommand(in: text, at: index, end: range.upperBound) {
          if text[content] == UInt8(ascii: "{") {
            pendingBox = content
            index = content - 1
          } else {
            let stop = Self.digits(in: text, at: content, end: range.upperBound)
            markers.append(Marker(kind: .box, content: content..<stop))
            index = stop - 1
          }
        } else {
          index += 1
        }
      case UInt8(ascii: "{"):
        let isBare = index >= 5 && text.has("boxed", at: index - 5, end: range.upperBound)
        openBraces.append((index == pendingBox || isBare, index + 1))
      case UInt8(ascii: "}"):
        if let open = openBraces.popLast(), open.isBox {
          // An outer box replaces the boxes inside of it: its content holds them.
          while let last = markers.last, last.kind == .box, last.content.lowerBound > open.start {
            markers.removeLast()
          }
          markers.append(Marker(kind: .box, content: open.start..<index))
        }
      case UInt8(ascii: "#"):
        if let next = Self.hashes(in: text, at: index, end: range.upperBound) {
          markers.append(Marker(kind: .hashes, content: next..<range.upperBound))
          index = next - 1
        }
      case UInt8(ascii: "a"), UInt8(ascii: "A"):
        if text.hasFolded("answer", at: index, end: range.upperBound) {
          let next = index + 6
          if let colon = Self.colon(in: text, at: next, end: range.upperBound) {
            markers.append(Marker(kind: .answerLine, content: (colon + 1)..<range.upperBound))
          } else {
            mentions.append(next)
          }
          index = next - 1
        }
      default: break
      }
      index += 1
    }
    addOpenBox(openBraces, range.upperBound)
    if let content = Self.lastTag(in: text, range) { markers.append(Marker(kind: .tag, content: content)) }
    markers.sort { $0.content.lowerBound < $1.content.lowerBound }
  }

  /// A box that the end of the text cut off counts where no closed one follows its beginning.
  private mutating func addOpenBox(_ open: [(isBox: Bool, start: Int)], _ end: Int) {
    guard let box = open.first(where: { $0.isBox }) else { return }
    if let last = markers.last(where: { $0.kind == .box }), last.content.lowerBound > box.start { return }
    markers.append(Marker(kind: .box, content: box.start..<end))
  }

  /// The content of the last closed `<answer>…</answer>`, or nil.
  static func lastTag(in text: [UInt8], _ range: Range<Int>) -> Range<Int>? {
    guard let close = text.last("</answer>", in: range),
      let open = text.last("<answer>", in: range.lowerBound..<close)
    else { return nil }
    return (open + 8)..<close
  }

  /// The brace (or the first digit, as in `\boxed 5`) behind a box command, or nil.
  private static func boxCommand(in text: [UInt8], at index: Int, end: Int) -> Int? {
    let names: [StaticString] = ["\\boxed", "\\fbox", "\\framebox"]
    guard let name = names.first(where: { text.has($0, at: index, end: end) }) else { return nil }
    let width = name.utf8CodeUnitCount
    let next = text.skippingSpace(index + width, end: end)
    guard next < end else { return nil }
    return text[next] == UInt8(ascii: "{") || isDigit(text[next]) ? next : nil
  }

  private static func digits(in text: [UInt8], at start: Int, end: Int) -> Int {
    var index = start
    while index < end, isDigit(text[index]) { index += 1 }
    return index
  }

  /// Behind `####` (GSM8K's mark), or nil.
  private static func hashes(in text: [UInt8], at index: Int, end: Int) -> Int? {
    guard text.has("####", at: index, end: end) else { return nil }
    var next = index + 4
    while next < end, text[next] == UInt8(ascii: "#") { next += 1 }
    return next
  }

  /// The colon behind "answer", with only spaces, asterisks, underscores and "is" between; nil if there is none.
  private static func colon(in text: [UInt8], at start: Int, end: Int) -> Int? {
    var index = start
    while index < end, index - start < 16 {
      switch text[index] {
      case UInt8(ascii: ":"): return index
      case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "*"), UInt8(ascii: "_"): index += 1
      case UInt8(ascii: "i") where text.has("is", at: index, end: end): index += 2
      default: return nil
      }
    }
    return nil
  }
}
