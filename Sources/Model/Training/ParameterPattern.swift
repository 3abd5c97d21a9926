/// Names some parameters: the beginning of their names, part by part between the dots. A part may hold `*` for any
/// characters or be a range of numbers: `model.embed_tokens`, `layers.0-11`, `layers.*.mlp`. `model.` may be left out.
package struct ParameterPattern: Sendable, Equatable {
  package let text: String
  private let parts: [Substring]

  package init(_ text: String) {
    self.text = text
    parts = Self.parts(text)
  }

  private static func parts(_ name: String) -> [Substring] {
    var parts = name.split(separator: ".", omittingEmptySubsequences: false)
    if parts.starts(with: ["base_model", "model"]) { parts.removeFirst(2) }
    if parts.count > 1, parts[0] == "model" { parts.removeFirst() }
    return parts
  }

  package func matches(_ name: String) -> Bool {
    let name = Self.parts(name)
    return name.count >= parts.count && zip(parts, name).allSatisfy { Self.matches($0, $1) }
  }

  private static func matches(_ pattern: Substring, _ part: Substring) -> Bool {
    if pattern == part { return true }
    let ends = pattern.split(separator: "-", omittingEmptySubsequences: false)
    if ends.count == 2, let low = Int(ends[0]), let high = Int(ends[1]) {
      return Int(part).map { low <= $0 && $0 <= high } ?? false
    }
    return pattern.contains("*") && glob(Array(pattern.utf8), Array(part.utf8))
  }

  /// `*` stands for any bytes. Linear in both but for the last star, to which it comes back.
  private static func glob(_ pattern: [UInt8], _ text: [UInt8]) -> Bool {
    var (p, t, star, mark) = (0, 0, -1, 0)
    while t < text.count {
      if p < pattern.count, pattern[p] == UInt8(ascii: "*") {
        (star, mark) = (p, t)
        p += 1
      } else if p < pattern.count, pattern[p] == text[t] {
        p += 1
        t += 1
      } else if star >= 0 {
        mark += 1
        (p, t) = (star + 1, mark)
      } else {
        return false
      }
    }
    return pattern[p...].allSatisfy { $0 == UInt8(ascii: "*") }
  }
}
