/// A program's arguments, flag by flag: what follows a flag up to the next one are its values. Enough to change one of
/// them without knowing what the program makes of it.
package struct FlagList: Equatable, Sendable {
  private struct Flag: Equatable {
    /// Without the dashes; empty for words before any flag.
    var name: String
    /// As they were given: `--name`, `value`, or `--name=value`.
    var words: [String]
  }

  private var flags: [Flag] = []

  package init(_ arguments: [String]) {
    for word in arguments {
      if let name = Self.name(of: word) {
        flags.append(Flag(name: name, words: [word]))
      } else if flags.isEmpty {
        flags.append(Flag(name: "", words: [word]))
      } else {
        flags[flags.count - 1].words.append(word)
      }
    }
  }

  package var arguments: [String] { flags.flatMap(\.words) }

  package func contains(_ name: String) -> Bool { flags.contains { $0.name == name } }

  /// Takes a flag away, however often and in whichever spelling it was given.
  package mutating func remove(_ name: String) { flags.removeAll { $0.name == name } }

  /// Adds a flag as one word, so that a value may begin with a dash.
  /// - Parameter value: nil for a flag without one.
  package mutating func add(_ name: String, _ value: String?) {
    flags.append(Flag(name: name, words: ["--" + name + (value.map { "=" + $0 } ?? "")]))
  }

  private static func name(of word: String) -> String? {
    guard word.hasPrefix("--") else { return nil }
    return String(word.dropFirst(2).prefix { $0 != "=" })
  }
}
