/// A text as passages (sentences and lines) of words that belong to some script, for language shares and guesses.
///
/// Fenced code, TeX commands, tags and single Latin letters (variables) are no words of any language and left out.
/// A letter of Han, kana or Thai counts as a word.
struct LanguageGuess {
  private struct Passage {
    /// How many words there are of each script.
    var counts: [Script: Int] = [:]
    /// For each language of the table two for a frequent word, else one for a word with a special letter.
    var evidence = [Int](repeating: 0, count: Language.table.count)
    var wordCount = 0

    mutating func add(_ word: String, _ script: Script) {
      counts[script, default: 0] += 1
      wordCount += 1
      let frequent = Language.byWord[word] ?? []
      for place in frequent { evidence[place] += 2 }
      var special: Set<Int> = []
      for scalar in word.unicodeScalars where !scalar.isASCII {
        special.formUnion(Language.byLetter[scalar] ?? [])
      }
      for place in special where !frequent.contains(place) { evidence[place] += 1 }
    }
  }

  private var passages: [Passage] = []
  let wordCount: Int

  init(_ text: [UInt8]) {
    var reader = Reader()
    for scalar in String(decoding: Self.withoutCode(text), as: UTF8.self).lowercased().unicodeScalars {
      reader.read(scalar)
    }
    passages = reader.finish()
    wordCount = passages.reduce(0) { $0 + $1.wordCount }
  }

  /// The share of words that belong to a language: those of its scripts, except in passages where another language of
  /// that script has more evidence (frequent words and special letters). nil where there are no words.
  func share(of language: Language) -> Double? {
    guard wordCount > 0, let place = Language.table.firstIndex(where: { $0.code == language.code }) else { return nil }
    let rivals = Language.table.indices.filter {
      $0 != place && Language.table[$0].scripts.contains(where: language.scripts.contains)
    }
    var count = 0
    for passage in passages {
      // Kana makes a passage Japanese; Han alone may be both.
      if language.code == "zh", passage.counts[.kana] != nil { continue }
      if rivals.contains(where: { passage.evidence[$0] > passage.evidence[place] }) { continue }
      count += language.scripts.reduce(0) { $0 + (passage.counts[$1] ?? 0) }
    }
    return Double(count) / Double(wordCount)
  }

  /// The language that most of the words belong to; nil where there are none or no language stands out.
  func language() -> Language? {
    var counts: [Script: Int] = [:]
    for passage in passages { counts.merge(passage.counts, uniquingKeysWith: +) }
    if let kana = counts[.kana], kana * 10 > counts[.han] ?? 0 { counts[.kana] = kana + (counts[.han] ?? 0) }
    guard let most = counts.values.max(), let script = counts.keys.filter({ counts[$0] == most }).only else {
      return nil
    }
    let candidates = Language.table.indices.filter { Language.table[$0].scripts.first == script }
    if candidates.count == 1 { return Language.table[candidates[0]] }
    let scores = candidates.map { place in passages.reduce(0) { $0 + $1.evidence[place] } }
    guard let best = scores.max(), best > 0 else { return nil }
    return candidates.indices.filter { scores[$0] == best }.only.map { Language.table[candidates[$0]] }
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
    private var passages = [Passage()]
    private var word = String.UnicodeScalarView()
    private var script = Script.other
    private var length = 0
    /// Inside of `\command` or `<tag`, whose letters are no words.
    private var skips = false

    mutating func read(_ scalar: Unicode.Scalar) {
      guard Self.isLetter(scalar) else {
        // The apostrophe of "l'eau" divides; that of a tag's end does not matter.
        close()
        if scalar == "\\" || scalar == "<" { skips = true } else if scalar != "/" { skips = false }
        let ends =
          switch scalar {
          case ".", "!", "?", "\n", ";", "。", "！", "？": true
          default: false
          }
        if ends, passages[passages.count - 1].wordCount > 0 { passages.append(Passage()) }
        return
      }
      let isMark = !scalar.isASCII && scalar.properties.generalCategory.isMark
      let next = isMark && length > 0 ? script : Script(scalar)
      if length > 0, next != script || (scalar.isUnspaced && !isMark) { close() }
      script = next
      word.append(scalar)
      length += 1
    }

    /// Digits are no words; Han numerals are.
    private static func isLetter(_ scalar: Unicode.Scalar) -> Bool {
      if scalar.isASCII { return scalar.isWord && !(scalar.value >= 0x30 && scalar.value <= 0x39) }
      return scalar.isWord && (scalar.properties.numericType == nil || Script(scalar) == .han)
    }

    private mutating func close() {
      defer {
        word = String.UnicodeScalarView()
        length = 0
      }
      guard length > 0, !skips, length > 1 || script != .latin else { return }
      passages[passages.count - 1].add(String(word), script)
    }

    mutating func finish() -> [Passage] {
      close()
      return passages
    }
  }
}

extension Array {
  /// The single element, or nil.
  fileprivate var only: Element? { count == 1 ? self[0] : nil }
}
