import Formats
import TestSupport
import Testing
import Tokenizer

/// Added tokens that take white space along, stand alone, or are looked for in normalised text, and normalisation
/// itself. The ids are those of the tokenizers library.
struct AddedTokenTests {
  private static func token(_ id: Int, _ content: String, _ flag: String = "special") -> JSON {
    var token: JSONObject = ["id": .int(id), "content": .string(content), "special": true, "normalized": false]
    token[flag] = true
    return .object(token)
  }

  private static let json: JSON = [
    "added_tokens": [
      token(6, "[L]", "lstrip"), token(7, "[R]", "rstrip"), token(8, "[W]", "single_word"),
      token(9, "e\u{301}!", "normalized"), token(10, "[L][R]"),
    ],
    "normalizer": ["type": "NFC"],
    "pre_tokenizer": ["type": "ByteLevel", "add_prefix_space": false, "use_regex": true],
    "decoder": ["type": "ByteLevel"],
    "model": [
      "type": "BPE", "vocab": ["a": 0, "b": 1, "ab": 2, "ba": 3, "Ġ": 4, "Ċ": 5], "merges": [["a", "b"], ["b", "a"]],
    ],
  ]

  @Test(
    arguments: [
      ("a [L] b", [0, 6, 4, 1]), ("a  \n[L]", [0, 6]), ("[R] \n b", [7, 1]), ("a[R]", [0, 7]), ("a[W]", [0]),
      ("[W] a", [8, 4, 0]), ("a [W] b", [0, 4, 8, 4, 1]), ("_[W]", []), ("\u{e9}[W]", []), ("-[W]", [8]),
      ("[W][W]", [8, 8]), ("\u{e9}!a", [9, 0]), ("e\u{301}!a", [9, 0]), ("[L][R] a", [10, 4, 0]),
      ("a [L] [R] b", [0, 6, 4, 7, 1]), ("[R]  [L]", [7, 6]), ("a\u{2003}[L]\u{a0}b", [0, 6, 1]),
    ] as [(String, [Int32])])
  func finds(_ text: String, _ ids: [Int32]) throws {
    #expect(try Tokenizer(json: Self.json).encode(text, addSpecialTokens: false) == ids)
  }

  /// Decoding what was encoded shows the normal form. Some of these texts are where Foundation's own is wrong.
  @Test(
    arguments: [
      ("e\u{301}", "\u{e9}"), ("\u{212b}", "\u{c5}"), ("a\u{328}\u{301}", "\u{105}\u{301}"),
      ("a\u{301}\u{328}", "\u{105}\u{301}"), ("\u{1100}\u{1161}\u{11a8}", "\u{ac01}"), ("\u{ac00}\u{11a8}", "\u{ac01}"),
      ("\u{30075}\u{301}", "\u{30075}\u{301}"), ("\u{301}\u{f73}", "\u{f71}\u{f72}\u{301}"),
      ("\u{958}", "\u{915}\u{93c}"), ("\u{1e9b}\u{323}", "\u{1e9b}\u{323}"), ("\u{2f800}", "\u{4e3d}"),
      ("\u{344}", "\u{308}\u{301}"), ("a\u{5b0}\u{301}", "\u{e1}\u{5b0}"), ("\u{1d15e}", "\u{1d157}\u{1d165}"),
    ])
  func composes(_ text: String, _ expected: String) throws {
    let folders = TokenizerFolder.all.filter { folder in
      (try? JSON.parse(contentsOf: "\(folder.path)/tokenizer.json"))?["normalizer"]?["type"] == "NFC"
    }
    #expect(!folders.isEmpty)
    for folder in folders {
      let tokenizer = try folder.tokenizer()
      let ids = tokenizer.encode(text, addSpecialTokens: false)
      #expect(bytes(tokenizer.decode(ids, skipSpecialTokens: false)) == bytes(expected))
    }
  }
}
