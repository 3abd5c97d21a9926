/// The share of the response's words that are in the asked language, in [0, 1]: DeepSeek-R1's language consistency
/// reward (arXiv 2501.12948). 0 for a response without words.
///
/// `language=CODE` asks for a language (ISO 639-1), `match-prompt` (default) for the prompt's, `meta` for the code in
/// `meta.language`. Which words count is a guess by script, frequent words and special letters, sentence by sentence:
/// see ``LanguageGuess`` and ``Language``; sentences that tell nothing count for every language of their script.
///
/// nil: the prompt's language cannot be told, or `meta.language` is missing or unknown.
package struct LanguageReward: Reward {
  enum Wanted {
    case language(Language)
    case prompt, meta
  }

  let wanted: Wanted

  package let name = "language"
  package let version = 1
  package var needs: RewardNeeds {
    switch wanted {
    case .language: []
    case .prompt: .prompt
    case .meta: .meta
    }
  }
  package var parameters: [(name: String, value: String)] {
    let text =
      switch wanted {
      case .language(let language): language.code
      case .prompt: "match-prompt"
      case .meta: "meta"
      }
    return [("language", text)]
  }

  static let entry = RewardRegistry.Entry(
    name: "language", summary: "share of words in the asked language",
    keys: [("language", "a code such as en, match-prompt, or meta: the code in meta.language")], mainKey: "language",
    make: { (options) throws(RewardError) in
      switch options["language"] ?? "match-prompt" {
      case "match-prompt": return LanguageReward(wanted: .prompt)
      case "meta": return LanguageReward(wanted: .meta)
      case let code:
        guard let language = Language.named(code) else {
          let legal = Language.table.map(\.code).joined(separator: ", ")
          throw RewardError("language: language=\(code): expected match-prompt, meta or one of \(legal)")
        }
        return LanguageReward(wanted: .language(language))
      }
    })

  package func score(_ group: [RewardInput]) -> [RewardOutput] {
    // The responses of a prompt share it: it is looked at once.
    var known: (prompt: [UInt8], language: Language?)?
    return group.map { input in
      let language: Language?
      switch wanted {
      case .language(let asked): language = asked
      case .meta: language = input.meta["language"]?.text.flatMap(Language.named)
      case .prompt:
        if known?.prompt != input.prompt { known = (input.prompt, LanguageGuess(input.prompt).language()) }
        language = known?.language
      }
      guard let language else { return RewardOutput(nil) }
      return RewardOutput(LanguageGuess(input.response).share(of: language) ?? 0)
    }
  }
}
