import Pipeline
import Testing

@Suite("Text for terminals")
struct TerminalTests {
  @Test(arguments: [
    ("plain text\n\tkept", "plain text\n\tkept"),
    ("\u{1B}[31mred\u{1B}[0m", "red"),
    ("\u{1B}[38;2;1;2;3mcolour", "colour"),
    ("a\u{1B}]0;title\u{07}b", "ab"),
    ("a\u{1B}]8;;http://x\u{1B}\\link\u{1B}]8;;\u{1B}\\b", "alinkb"),
    ("a\u{1B}Pdevice control\u{1B}\\b", "ab"),
    ("a\u{9D}0;title\u{9C}b", "ab"),
    ("a\u{9B}2Jb", "ab"),
    ("a\u{1B}(0b", "ab"),
    ("a\u{1B}cb", "ab"),
    ("ends with \u{1B}", "ends with "),
    ("ends in \u{1B}[", "ends in "),
    ("\u{1B}]0;never ends but is read", "0;never ends but is read"),
    ("over\rwritten\u{08}\u{7F}\u{00}", "overwritten"),
    ("\u{85}next\u{80}line", "nextline"),
    ("abc\u{202E}def\u{202C}\u{2066}g\u{2069}\u{200F}\u{61C}", "abcdefg"),
    ("tag\u{E0041}\u{E007F}\u{FEFF}", "tag"),
    ("naïve 你好 👩‍👩‍👧 é", "naïve 你好 👩‍👩‍👧 é"),
    ("a\u{1B}\u{1B}[31mb", "ab"),
    ("a\u{1B}]x\u{1B}[31mb", "axb"),
  ])
  func sanitized(input: String, output: String) {
    #expect(Terminal.sanitize(input) == output)
  }

  @Test func everyControlCharacterGoes() {
    for value in UInt32(0)...0x9F where value != 0x09 && value != 0x0A && !(0x20..<0x7F).contains(value) {
      guard let scalar = Unicode.Scalar(value) else { continue }
      let clean = Terminal.sanitize("a\(Character(scalar))").unicodeScalars.map(\.value)
      #expect(clean == [0x61], "U+\(String(value, radix: 16))")
    }
  }

  @Test func sanitizingTwiceChangesNothing() {
    var state = UInt64(7)
    let alphabet: [Unicode.Scalar] = [
      "\u{1B}", "[", "]", "\\", "\u{07}", "\u{9B}", "\u{9C}", "\u{9D}", "m", "3", ";", "P", "x",
    ]
    for _ in 0..<2000 {
      var text = String.UnicodeScalarView()
      for _ in 0..<12 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        text.append(alphabet[Int(state >> 33) % alphabet.count])
      }
      let once = Terminal.sanitize(String(text))
      #expect(Terminal.sanitize(once) == once)
      #expect(!once.unicodeScalars.contains { $0.value < 0x20 || (0x7F..<0xA0).contains($0.value) })
    }
  }

  @Test func oneLineIsCutToItsColumns() {
    #expect(Terminal.sanitizeLine("a\nb\tc") == "a⏎b c")
    #expect(Terminal.sanitizeLine("abcdef", limit: 6) == "abcdef")
    #expect(Terminal.sanitizeLine("abcdefg", limit: 6) == "abcde…")
    #expect(Terminal.sanitizeLine("你好你好", limit: 6) == "你好…")
    #expect(Terminal.width(of: Terminal.sanitizeLine("你好你好", limit: 6)) <= 6)
  }

  @Test func columnsAlign() {
    var table = Table([("step", .right), ("prompt", .left), ("reward", .right)])
    table.append(["0", "你好", "0.50"])
    table.append(["12", "a", "-1.25"])
    #expect(table.rendered() == "step  prompt  reward\n   0  你好      0.50\n  12  a        -1.25\n")
  }

  @Test func numbers() {
    #expect(Format.decimal(0.12345, 3) == "0.123")
    #expect(Format.decimal(-0.5, 0) == "-1")
    #expect(Format.decimal(-0.0001, 2) == "0.00")
    #expect(Format.decimal(nil) == "–")
    #expect(Format.decimal(.nan) == "nan")
    #expect(Format.percent(0.125) == "12.5%")
    #expect(Format.duration(3725) == "1:02:05")
    #expect(Format.duration(7) == "0:07")
    #expect(Format.bytes(512) == "512 B")
    #expect(Format.bytes(1_500_000) == "1.5 MB")
    #expect(Format.brief(0.0000123) == "1.23e-05")
    #expect(Format.brief(1234.5) == "1235")
  }
}
