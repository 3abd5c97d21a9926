internal import Formats
internal import Foundation
internal import Rewards

/// The command of a reward, cut into words as a shell does, and what of it can be named by content.
struct CommandLineWords: Equatable {
  let words: [String]
  /// What is started: the first word, looked up in `PATH` unless it has a slash.
  let executable: String
  /// What people call it: the first word that is a file below the working directory or by path, else the executable.
  let title: String
  /// The files that decide, as they are written, with their digests.
  let files: [(name: String, digest: String)]
  /// The interpreter where `PATH` named it: the name of the file behind it, such as `python3.12`.
  let interpreter: String?

  /// - Parameter more: Further files that decide the verdicts.
  /// - Throws: `RewardError` for quotes that do not close and a command of no words; `RollbookError` `missing` for a
  ///   program that is not there and for a file of `more` that is not.
  init(_ text: String, more: String = "") throws {
    words = try Self.split(text)
    guard let first = words.first else { throw RewardError("command: expected a program and its arguments, found none") }
    executable = try Self.path(first)
    interpreter =
      first.contains("/")
      ? nil : URL(fileURLWithPath: executable).resolvingSymlinksInPath().lastPathComponent
    var files: [(name: String, digest: String)] = []
    var seen: Set<String> = []
    for word in words.enumerated().filter({ $0.offset > 0 || first.contains("/") }).map(\.element)
    where Self.isFile(word) && seen.insert(word).inserted {
      files.append((word, try Digest.file(word)))
    }
    for word in try Self.split(more) where seen.insert(word).inserted { files.append((word, try Digest.file(word))) }
    self.files = files
    title = URL(fileURLWithPath: files.first?.name ?? first).lastPathComponent
  }

  static func == (a: CommandLineWords, b: CommandLineWords) -> Bool {
    a.words == b.words && a.files.elementsEqual(b.files, by: ==)
  }

  /// Words between spaces; single quotes keep everything, double quotes all but `\"` and `\\`, a backslash the next
  /// character. Nothing is expanded.
  static func split(_ text: String) throws -> [String] {
    var words: [String] = []
    var word: String?
    var quote: Character?
    var rest = text[...]
    while let character = rest.popFirst() {
      if let open = quote {
        if character == open {
          quote = nil
        } else if character == "\\", open == "\"", let next = rest.first, next == "\"" || next == "\\" {
          word = (word ?? "") + String(rest.removeFirst())
        } else {
          word = (word ?? "") + String(character)
        }
        continue
      }
      switch character {
      case " ", "\t", "\n":
        if let done = word { words.append(done) }
        word = nil
      case "'", "\"":
        quote = character
        word = word ?? ""
      case "\\":
        guard let next = rest.popFirst() else { throw RewardError("command '\(text)': nothing follows the last \\") }
        word = (word ?? "") + String(next)
      default: word = (word ?? "") + String(character)
      }
    }
    if let quote { throw RewardError("command '\(text)': expected another \(quote) to close the quoted part") }
    if let word { words.append(word) }
    return words
  }

  private static func isFile(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
  }

  private static func path(_ word: String) throws -> String {
    func runs(_ path: String) -> Bool { isFile(path) && access(path, X_OK) == 0 }
    if word.contains("/") {
      guard runs(word) else {
        throw RollbookError.missing(
          word, "expected a program that can be run, found \(isFile(word) ? "a file that cannot" : "none")",
          hint: isFile(word) ? "chmod +x it, or name its interpreter: command='python3 \(word)'" : nil)
      }
      return word
    }
    let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin").split(separator: ":")
    if let found = folders.map({ "\($0)/\(word)" }).first(where: runs) { return found }
    throw RollbookError.missing(
      word, "expected a program of that name in PATH, found none", hint: "give its path, with a slash in it")
  }
}
