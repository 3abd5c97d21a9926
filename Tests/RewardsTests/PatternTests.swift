import Foundation
import Rewards
import Testing

@Suite struct PatternTests {
  private func match(_ pattern: String, _ text: String) throws -> (String, String?)? {
    let bytes = Array(text.utf8)
    guard let found = try Pattern(pattern).firstMatch(in: bytes) else { return nil }
    let group = found.group.map { String(decoding: bytes[$0], as: UTF8.self) }
    return (String(decoding: bytes[found.range], as: UTF8.self), group)
  }

  @Test(arguments: [
    ("a", "xay", "a"), ("a|ab", "ab", "a"), ("ab|a", "ab", "ab"), ("a*", "aaa", "aaa"), ("a*?", "aaa", ""),
    ("a+?b", "aab", "aab"), ("^$", "", ""), ("b$", "ab\n", "b"), (".", "é", "é"), (".{2}", "éüx", "éü"),
    ("[^a]+", "aé7a", "é7"), ("é+", "xééy", "éé"), (#"\bcat\b"#, "a cat.", "cat"), (#"\x41"#, "xA", "A"),
    ("(?i)HeLLo", "say hello", "hello"), ("(?s)a.b", "a\nb", "a\nb"), ("(?m)^b$", "a\nb\nc", "b"),
    ("[]a]+", "a]", "a]"), ("[a-]+", "-a-", "-a-"), ("x{,2}", "x{,2}", "x{,2}"), ("a{2}", "aaa", "aa"),
    ("(?:a|b){2,}", "abab", "abab"),
    (#"[\d.]+"#, "v1.2", "1.2"), (#"\.\*"#, "x.*", ".*"), (#"[\D]"#, "12é", "é"), ("(|a)*", "aa", ""),
    (#"\S+@\S+"#, "to me@home now", "me@home"),
  ])
  func matches(pattern: String, text: String, found: String) throws {
    #expect(try match(pattern, text)?.0 == found)
  }

  @Test(arguments: [("a", "b"), ("^b", "ab"), (".", "\n"), ("a{3}", "aa"), (#"\bat\b"#, "cat"), ("[a-c]", "d")])
  func misses(pattern: String, text: String) throws {
    #expect(try match(pattern, text) == nil)
  }

  @Test(arguments: [
    ("a(b", 1, "missing ')'"), ("a)b", 1, "unexpected ')'"), ("*a", 0, "nothing to repeat"),
    ("a**", 2, "second quantifier"), ("[ab", 0, "missing ']'"), ("[b-a]", 2, "backwards"),
    ("(?=a)", 1, "no lookaround"), ("(?<n>a)", 1, "named"),
    (#"a\"#, 1, "backslash at the end"), (#"\1"#, 0, "back-references"), (#"\q"#, 0, "unknown escape"),
    ("[é]", 1, "ASCII"), ("a{3,2}", 1, "larger count"), ("a{5000}", 1, "counts end"), ("^*", 0, "anchor"),
    ("(?x)a", 2, "flags"), (#"\xZ1"#, 0, "hexadecimal"),
  ])
  func faultsNameTheirPlace(pattern: String, place: Int, message: String) {
    #expect { try Pattern(pattern) } throws: { error in
      guard let error = error as? RewardError else { return false }
      return error.description.contains("at byte \(place):") && error.description.contains(message)
    }
  }

  @Test func hugeProgramsAreRefused() {
    #expect(throws: RewardError.self) { try Pattern("((a{1000}){1000}){1000}") }
    #expect(throws: RewardError.self) { try Pattern(String(repeating: "(", count: 5000)) }
  }

  /// Patterns that make backtracking matchers hang are done at once.
  @Test(arguments: ["(a*)*b", "(a|a)*b", "(a|aa)+$", "(.*)*x", "a?a?a?a?a?a?a?a?a?a?a?a?aaaaaaaaaaaa(.*a){10}b"])
  func hostilePatternsAreLinear(pattern: String) throws {
    let compiled = try Pattern(pattern)
    let text = Array(String(repeating: "a", count: 5000).utf8)
    let time = ContinuousClock().measure { _ = compiled.firstMatch(in: text) }
    #expect(time < .seconds(5), "\(time)")
  }

  /// Random patterns and texts against Foundation's backtracking matcher: the same match.
  @Test func agreesWithABacktrackingMatcher() throws {
    var draws = Draws(state: 3)
    var found = 0
    for _ in 0..<1000 {
      let pattern = draws.pattern(depth: 3)
      let text = draws.text(of: ["a", "b", "c", "\n", "1", " "], upTo: 9)
      let oracle = try NSRegularExpression(pattern: pattern)
      let expected = oracle.firstMatch(in: text, range: NSRange(location: 0, length: text.utf16.count))
      let got = try Pattern(pattern).firstMatch(in: Array(text.utf8))
      let place = "\(pattern.debugDescription) in \(text.debugDescription)"
      #expect(got?.range.lowerBound == expected?.range.location, "\(place)")
      #expect(got?.range.count == expected?.range.length, "\(place)")
      found += got == nil ? 0 : 1
    }
    #expect(found > 300)
  }

  @Test func anythingIsEitherAPatternOrAFault() {
    var draws = Draws(state: 4)
    let pieces = ["(", ")", "[", "]", "{", "}", "*", "+", "?", "|", "\\", "^", "$", ".", "a", "-", "1", ",", "é", "d"]
    for _ in 0..<20_000 {
      let source = draws.text(of: pieces, upTo: 10)
      guard let pattern = try? Pattern(source) else { continue }
      _ = pattern.firstMatch(in: draws.bytes(upTo: 20))
    }
  }
}

extension Draws {
  /// A random pattern in the syntax that both matchers share. What is repeated always consumes something.
  fileprivate mutating func pattern(depth: Int, consuming: Bool = false) -> String {
    guard depth > 0 else {
      let atoms = ["a", "b", "c", ".", "[ab]", "[^a]", "\\d", "\\w", "\\s", "1", "(?:)", "^", "$", "\\b"]
      return atoms[below(consuming ? 10 : atoms.count)]
    }
    switch below(6) {
    case 0: return pattern(depth: depth - 1, consuming: consuming) + pattern(depth: depth - 1, consuming: consuming)
    case 1:
      let first = pattern(depth: depth - 1, consuming: consuming)
      return "(?:" + first + "|" + pattern(depth: depth - 1, consuming: consuming) + ")"
    case 2, 3:
      let counts = ["+", "{2}", "{1,2}", "+?", "{1,}?", "*", "?", "{0,}", "*?", "??"]
      return "(?:" + pattern(depth: depth - 1, consuming: true) + ")" + counts[below(consuming ? 5 : counts.count)]
    case 4: return "(" + pattern(depth: depth - 1, consuming: consuming) + ")"
    default: return pattern(depth: depth - 1, consuming: consuming)
    }
  }
}
