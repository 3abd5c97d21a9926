/// What is done to each stretch of text between added tokens before it is split.
struct Normalizer: Hashable, Sendable {
  enum Step: Hashable, Sendable {
    /// Unicode normalisation form C.
    case nfc
    /// Text put in front of any stretch that is not empty.
    case prepend(String)
    /// Every occurrence of a literal text replaced, from left to right.
    case replace(String, by: String)
  }

  var steps: [Step]

  var isIdentity: Bool { steps.isEmpty }

  /// The normal form of valid UTF-8.
  func normalize(_ text: [UInt8]) -> [UInt8] {
    var text = text
    for step in steps where !text.isEmpty {
      switch step {
      case .nfc: text = CanonicalComposition.shared.compose(text)
      case .prepend(let prefix): text = Array(prefix.utf8) + text
      case .replace(let pattern, let content):
        text = Self.replace(Array(pattern.utf8), by: Array(content.utf8), in: text)
      }
    }
    return text
  }

  private static func replace(_ pattern: [UInt8], by content: [UInt8], in text: [UInt8]) -> [UInt8] {
    guard let first = pattern.first else { return text }
    var result: [UInt8] = []
    result.reserveCapacity(text.count * 2)
    var index = 0
    while index < text.count {
      if text[index] == first, text[index...].starts(with: pattern) {
        result += content
        index += pattern.count
      } else {
        result.append(text[index])
        index += 1
      }
    }
    return result
  }
}
