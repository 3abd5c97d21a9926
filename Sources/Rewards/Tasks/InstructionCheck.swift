/// IFEval's instructions, checked on one response. Letters compare without case where IFEval's do; keywords are literal
/// text, not regular expressions. Words are those of ``words(of:folded:)`` and sentences end at `. ! ? …` before white
/// space, so that counts may differ by a few from those of a trained tokenizer.
struct InstructionCheck {
  let text: [UInt8]
  /// In lower case.
  let lower: [UInt8]

  init(_ text: [UInt8]) {
    self.text = text
    lower = Self.lowered(String(decoding: text, as: UTF8.self))
  }

  static func lowered(_ text: String) -> [UInt8] { Array(text.lowercased().utf8) }

  /// Whether the response follows an instruction; nil where the id is unknown or the settings cannot be used.
  func follows(_ id: String, _ settings: Fact) -> Bool? {
    switch id.split(separator: ":").first {
    case "keywords": keywords(id, settings)
    case "length_constraints": lengths(id, settings)
    case "detectable_content", "detectable_format": format(id, settings)
    case "change_case", "language", "punctuation": letters(id, settings)
    case "combination", "startend": parts(id, settings)
    default: nil
    }
  }

  /// `relation` is "at least" or "less than".
  static func compare(_ count: Int, _ relation: Fact?, _ bound: Fact?) -> Bool? {
    guard let bound = bound?.number else { return nil }
    switch relation?.text {
    case "at least": return Double(count) >= bound
    case "less than": return Double(count) < bound
    default: return nil
    }
  }

  private func keywords(_ id: String, _ settings: Fact) -> Bool? {
    func texts(_ key: String) -> [String]? {
      guard let list = settings[key]?.list, !list.isEmpty else { return nil }
      let texts = list.compactMap(\.text).filter { !$0.isEmpty }
      return texts.count == list.count ? texts : nil
    }
    switch id {
    case "keywords:existence":
      return texts("keywords")?.allSatisfy { !occurrences(of: Self.lowered($0), in: lower).isEmpty }
    case "keywords:forbidden_words":
      return texts("forbidden_words")?.allSatisfy { !hasWord(Self.lowered($0)) }
    case "keywords:frequency":
      guard let keyword = settings["keyword"]?.text, !keyword.isEmpty else { return nil }
      return Self.compare(separate(Self.lowered(keyword), in: lower).count, settings["relation"], settings["frequency"])
    case "keywords:letter_frequency":
      guard let letter = settings["letter"]?.text?.lowercased().unicodeScalars, letter.count == 1 else { return nil }
      let count = String(decoding: lower, as: UTF8.self).unicodeScalars.count { $0 == letter.first }
      return Self.compare(count, settings["let_relation"], settings["let_frequency"])
    default: return nil
    }
  }

  /// Whether a word occurs with nothing of a word at its ends.
  private func hasWord(_ word: [UInt8]) -> Bool {
    func isWord(_ index: Int) -> Bool {
      lower.indices.contains(index) && (ByteSet.word.contains(lower[index]) || lower[index] >= 0x80)
    }
    return occurrences(of: word, in: lower).contains { !isWord($0 - 1) && !isWord($0 + word.count) }
  }

  private func lengths(_ id: String, _ settings: Fact) -> Bool? {
    switch id {
    case "length_constraints:number_words":
      return Self.compare(words(of: text, folded: false).count, settings["relation"], settings["num_words"])
    case "length_constraints:number_sentences":
      return Self.compare(sentences, settings["relation"], settings["num_sentences"])
    case "length_constraints:number_paragraphs":
      guard let wanted = settings["num_paragraphs"]?.number else { return nil }
      guard let count = filled(pieces(by: "***")) else { return false }
      return Double(count) == wanted
    case "length_constraints:nth_paragraph_first_word":
      guard let wanted = settings["num_paragraphs"]?.number, let first = settings["first_word"]?.text,
        let place = settings["nth_paragraph"]?.number.flatMap({ Int(exactly: $0) }), place >= 1
      else { return nil }
      let paragraphs = pieces(by: "\n\n")
      let count = paragraphs.count { !text.trimmed($0).isEmpty }
      guard place <= count, paragraphs.indices.contains(place - 1) else { return false }
      return Double(count) == wanted && firstWord(of: paragraphs[place - 1]) == Self.lowered(first)
    default: return nil
    }
  }

  /// The first word of a paragraph, up to a punctuation mark, quotation marks before it aside.
  private func firstWord(of range: Range<Int>) -> [UInt8] {
    let marks = Array(".,?!'\"".utf8)
    let start = text[text.trimmed(range)].drop { $0 == UInt8(ascii: "'") || $0 == UInt8(ascii: "\"") }
    return Self.lowered(String(decoding: start.prefix { !isSpace($0) && !marks.contains($0) }, as: UTF8.self))
  }

  private func letters(_ id: String, _ settings: Fact) -> Bool? {
    let string = String(decoding: text, as: UTF8.self)
    func isEnglish() -> Bool { LanguageGuess(text).language().map { $0.code == "en" } ?? true }
    switch id {
    case "punctuation:no_comma": return !text.contains(UInt8(ascii: ","))
    case "change_case:english_capital": return Self.isUpper(string) && isEnglish()
    case "change_case:english_lowercase":
      let hasLower = string.unicodeScalars.contains { $0.properties.isLowercase }
      return hasLower && !string.unicodeScalars.contains { $0.properties.isUppercase } && isEnglish()
    case "change_case:capital_word_frequency":
      let count = words(of: text, folded: false).count(where: Self.isUpper)
      return Self.compare(count, settings["capital_relation"], settings["capital_frequency"])
    case "language:response_language":
      guard let language = settings["language"]?.text.flatMap(Language.named) else { return nil }
      return LanguageGuess(text).language()?.code == language.code
    default: return nil
    }
  }

  /// At least one capital and no small letter.
  private static func isUpper(_ text: String) -> Bool {
    text.unicodeScalars.contains { $0.properties.isUppercase }
      && !text.unicodeScalars.contains { $0.properties.isLowercase }
  }

  private func parts(_ id: String, _ settings: Fact) -> Bool? {
    let trimmed = text.trimmed(0..<text.count)
    switch id {
    case "combination:repeat_prompt":
      guard let prompt = settings["prompt_to_repeat"]?.text else { return nil }
      let wanted = Self.lowered(prompt)
      return lower[lower.trimmed(0..<lower.count)].starts(with: wanted[wanted.trimmed(0..<wanted.count)])
    case "combination:two_responses":
      guard let count = filled(pieces(by: "******")), count == 2 else { return false }
      let answers = pieces(by: "******").map { text[text.trimmed($0)] }.filter { !$0.isEmpty }
      return answers[0] != answers[1]
    case "startend:end_checker":
      guard let phrase = settings["end_phrase"]?.text else { return nil }
      let wanted = Self.lowered(phrase)
      var end = lower[lower.trimmed(0..<lower.count)]
      while end.last == UInt8(ascii: "\"") { end.removeLast() }
      return end.reversed().starts(with: wanted[wanted.trimmed(0..<wanted.count)].reversed())
    case "startend:quotation":
      let mark = UInt8(ascii: "\"")
      return trimmed.count > 1 && text[trimmed.lowerBound] == mark && text[trimmed.upperBound - 1] == mark
    default: return nil
    }
  }
}
