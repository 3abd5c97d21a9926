/// A text as passages (sentences and lines) of words that belong to some script, for language shares and guesses.
///
/// Fenced code, TeX commands, tags and single Latin letters (variables) are no words of any language and left out.
/// A letter of Han, kana or Thai counts as a word.
struct LanguageGuess {
  private struct Passage {
    var words: [(script: Script, text: String)] = []
  }

  private var passages: [Passage] = []
  let wordCount: Int

  init(_ text: [UInt8]) {
    var reader = Reader()
    for scalar in String(decoding: Self.withoutCode(text), as: UTF8.self).lowercased().unicodeScalars {
      reader.read(scalar)
    }
    passages = reader.finish().map { Passage(words: $0) }
    wordCount = passages.reduce(0) { $0 + $1.words.count }
  }

  /// The share of words that belong to a language: those of its scripts, except in passages where another language of
  /// that script has more evidence (frequent words and special letters). nil where there are no words.
  func share(of language: Language) -> Double? {
    guard wordCount > 0 else { return nil }
    let rivals = Language.table.filter {
      $0.code != language.code && $0.scripts.contains(where: language.scripts.contains)
    }
    var count = 0
    for passage in passages {
      let mine = passage.words.count { language.scripts.contains($0.script) }
      guard mine > 0 else { continue }
      // Kana makes a passage Japanese; Han alone may be both.
      if language.code == "zh", passage.words.contains(where: { $0.script == .kana }) { continue }
      let evidence = Self.evidence(passage.words, language)
      if rivals.contains(where: { Self.evidence(passage.words, $0) > evidence }) { continue }
      count += mine
    }
    return Double(count) / Double(wordCount)
  }

  /// The language that most of the words belong to; nil where there are none or no language stands out.
  func language() -> Language? {
    var counts: [Script: Int] = [:]
    let all = passages.flatMap(\.words)
    for word in all { counts[word.script, default: 0] += 1 }
    if let kana = counts[.kana], kana * 10 > counts[.han] ?? 0 { counts[.kana] = kana + (counts[.han] ?? 0) }
    guard let most = counts.values.max(), let script = counts.keys.filter({ counts[$0] == most }).only else {
      return nil
    }
    let candidates = Language.table.filter { $0.scripts.first == script }
    if candidates.count == 1 { return candidates[0] }
    let scores = candidates.map { Self.evidence(all, $0) }
    guard let best = scores.max(), best > 0 else { return nil }
    return candidates.indices.filter { scores[$0] == best }.only.map { candidates[$0] }
  }

  /// Two for each frequent word, one for each word with a special letter.
  private static func evidence(_ words: [(script: Script, text: String)], _ language: Language) -> Int {
    words.reduce(0) { sum, word in
      guard language.scripts.contains(word.script) else { return sum }
      if language.words.contains(word.text) { return sum + 2 }
      guard !language.letters.isEmpty else { return sum }
      return sum + (word.text.unicodeScalars.contains(where: language.letters.contains) ? 1 : 0)
    }
  }

  /// Without the content of fenced blocks.
  private static func withoutCode(_ text: [UInt8]) -> [UInt8] {
    var kept: [UInt8] = []
    var inside = false
    for line in text.split(separator: 0x0A, omittingEmptySubsequences: false) {
      if line.drop(while: isSpace).starts(with: Array("```".utf8)) {
        inside.toggle()
      } else if !inside {
        kept += line
      }
      kept.append(0x0A)
    }
    return kept
  }

  /// Cuts scalars into words and passages.
  private struct Reader {
    private var passages: [[(script: Script, text: String)]] = [[]]
    private var word = String.UnicodeScalarView()
    private var script = Script.other
    private var length = 0
    /// Inside of `\command` or `<tag`, whose letters are no words.
    private var skips = false

    mutating func read(_ scalar: Unicode.Scalar) {
      guard scalar.isWord, scalar.properties.numericType == nil || Script(scalar) == .han else {
        // The apostrophe of "l'eau" divides; that of a tag's end does not matter.
        close()
        if scalar == "\\" || scalar == "<" { skips = true } else if scalar != "/" { skips = false }
        let ends: [Unicode.Scalar] = [".", "!", "?", "\n", ";", "。", "！", "？"]
        if ends.contains(scalar), passages.last?.isEmpty == false { passages.append([]) }
        return
      }
      let isMark = !scalar.isASCII && scalar.properties.generalCategory.isMark
      let next = isMark && length > 0 ? script : Script(scalar)
      if length > 0, next != script || (scalar.isUnspaced && !isMark) { close() }
      script = next
      word.append(scalar)
      length += 1
    }

    private mutating func close() {
      defer {
        word = String.UnicodeScalarView()
        length = 0
      }
      guard length > 0, !skips, length > 1 || script != .latin else { return }
      passages[passages.count - 1].append((script, String(word)))
    }

    mutating func finish() -> [[(script: Script, text: String)]] {
      close()
      return passages
    }
  }
}

extension Array {
  /// The single element, or nil.
  fileprivate var only: Element? { count == 1 ? self[0] : nil }
}
