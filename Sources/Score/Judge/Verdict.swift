/// What a judge decides about two responses.
enum Verdict: Equatable, Sendable {
  case a, b, tie

  /// Reads a reply: its last line that is a verdict decides, after the last `</think>`.
  ///
  /// A line is a verdict if it says `Verdict: A`, `Verdict: B` or `Verdict: tie`, or nothing but `[[A]]`, `[[B]]`, `[[C]]`
  /// or `[[tie]]`, whatever its case, with any of `* _ # " . ( ) [ ] \`` about.
  init?(_ reply: String) {
    let thought = reply.ranges(of: "</think>").last?.upperBound ?? reply.startIndex
    for line in reply[thought...].split(whereSeparator: \.isNewline).reversed() {
      let words = line.lowercased().filter { !"*_#\".()[]` \t".contains($0) }
      let word: Substring
      if words.hasPrefix("verdict") {
        word = words.dropFirst(7).drop { $0 == ":" || $0 == "=" }
      } else if line.contains("[[") {
        word = words[...]
      } else {
        continue
      }
      switch word {
      case "a", "responsea": self = .a
      case "b", "responseb": self = .b
      case "tie", "c": self = .tie
      default: continue
      }
      return
    }
    return nil
  }
}
