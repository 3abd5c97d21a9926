import ArgumentParser
package import Formats
import Foundation
import Pipeline

/// The programs beside this one: `rollbook generate …` becomes `rollbook-generate …`, as git does it.
package enum Stages {
  private static let prefix = "rollbook-"

  /// Becomes the named program if the first argument names one; an unknown verb ends the process with exit code 64.
  /// Returns for this program's own commands and flags.
  static func runIfNamed(_ arguments: [String]) {
    guard let (verb, rest) = external(arguments) else { return }
    do {
      try become(verb, rest, folder: try programFolder())
    } catch {
      let outcome = Stage.outcome(of: error, in: Rollbook.self)
      Output.note(outcome.text, terminator: "")
      exit(outcome.code)
    }
  }

  /// The verb of another program with its arguments; nil when this program answers itself. `help VERB` asks for help.
  package static func external(_ arguments: [String]) -> (verb: String, arguments: [String])? {
    guard let first = arguments.first, !first.hasPrefix("-"), !ownVerbs.contains(first) else { return nil }
    if first == "help" {
      guard arguments.count == 2, !arguments[1].hasPrefix("-"), !ownVerbs.contains(arguments[1]) else { return nil }
      return (arguments[1], ["--help"])
    }
    return (first, Array(arguments.dropFirst()))
  }

  /// This program's own commands.
  static var ownVerbs: [String] {
    Rollbook.configuration.subcommands.flatMap { command in
      [command._commandName] + command.configuration.aliases
    }
  }

  /// The verbs of the programs in a folder, sorted.
  package static func verbs(in folder: String) -> [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.filter { $0.hasPrefix(prefix) && FileManager.default.isExecutableFile(atPath: "\(folder)/\($0)") }
      .map { String($0.dropFirst(prefix.count)) }
      .filter { !$0.isEmpty && !$0.contains(".") }
      .sorted()
  }

  /// The error for a verb that nobody has, with the nearest one that exists.
  package static func unknown(_ verb: String, folder: String) -> RollbookError {
    if ["generate", "score", "train"].contains(verb) {
      return .usage(
        "expected the program \(prefix)\(verb) in \(folder), found none", hint: "keep Rollbook's programs in one folder"
      )
    }
    let known = (ownVerbs + ["help"] + verbs(in: folder)).sorted()
    let nearest = known.map { (verb: $0, distance: distance(verb, $0)) }.min { $0.distance < $1.distance }
    let list = "there is: " + known.joined(separator: ", ")
    guard let nearest, nearest.distance <= max(1, verb.utf8.count / 2) else {
      return .usage("unknown command '\(verb)'", hint: list)
    }
    return .usage("unknown command '\(verb)'", hint: "did you mean '\(nearest.verb)'? \(list)")
  }

  private static func become(_ verb: String, _ arguments: [String], folder: String) throws {
    let allowed = Set("abcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
    let path = "\(folder)/\(prefix)\(verb)"
    guard verb.utf8.allSatisfy(allowed.contains), FileManager.default.isExecutableFile(atPath: path) else {
      throw unknown(verb, folder: folder)
    }
    var pointers: [UnsafeMutablePointer<CChar>?] = ([path] + arguments).map { strdup($0) } + [nil]
    execv(path, &pointers)
    throw RollbookError.system("run", path, errno: errno)
  }

  /// The folder of this program's file, links resolved.
  static func programFolder() throws -> String {
    let path =
      (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
    return path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
  }

  /// Levenshtein's distance: insertions, deletions and replacements of bytes from one word to the other.
  private static func distance(_ a: String, _ b: String) -> Int {
    let (a, b) = (Array(a.utf8), Array(b.utf8))
    var row = Array(0...b.count)
    for (i, x) in a.enumerated() {
      var diagonal = row[0]
      row[0] = i + 1
      for (j, y) in b.enumerated() {
        (diagonal, row[j + 1]) = (row[j + 1], min(row[j + 1] + 1, row[j] + 1, diagonal + (x == y ? 0 : 1)))
      }
    }
    return row[b.count]
  }
}
