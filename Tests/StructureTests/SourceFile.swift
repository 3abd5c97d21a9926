import Foundation
import TestSupport
import Testing

/// A text file of the project.
struct SourceFile: CustomTestStringConvertible, Sendable {
  /// From the top of the project: "Sources/Kernels/Arena.swift".
  let path: String
  let text: String

  var testDescription: String { path }
  var isSwift: Bool { path.hasSuffix(".swift") }
  /// Lines as `wc -l` counts them.
  var lineCount: Int { text.utf8.count { $0 == 0x0A } }

  /// The target a file of Sources belongs to.
  var target: String { path.split(separator: "/").dropFirst().first.map(String.init) ?? "" }

  /// Every file under a folder whose name ends so, sorted. Goldens and build products are no code of ours.
  static func all(under folder: String, endings: [String]) -> [SourceFile] {
    let root = URL(fileURLWithPath: projectFolder).appendingPathComponent(folder).resolvingSymlinksInPath()
    guard let walk = FileManager.default.enumerator(atPath: root.path) else { return [] }
    return walk.compactMap { $0 as? String }.sorted()
      .filter { path in endings.contains { path.hasSuffix($0) } && !"\(folder)/\(path)".hasPrefix("Tests/Golden/") }
      .filter { !$0.split(separator: "/").contains { $0.hasPrefix(".") } }
      .compactMap { path in
        (try? String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)).map {
          SourceFile(path: "\(folder)/\(path)", text: $0)
        }
      }
  }

  /// A file at the top of the project, where there is one.
  static func top(_ name: String) -> SourceFile? {
    (try? String(contentsOfFile: "\(projectFolder)/\(name)", encoding: .utf8)).map { SourceFile(path: name, text: $0) }
  }

  static let swift = all(under: "Sources", endings: [".swift"])
  static let code = ["Sources", "Tests"].flatMap { all(under: $0, endings: [".swift", ".c", ".h"]) }
  static let documents =
    ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].compactMap { top($0) } + all(under: "docs", endings: [".md"])
}
