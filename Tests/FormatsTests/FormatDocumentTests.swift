import Formats
import Foundation
import TestSupport
import Testing

/// docs/format.md is normative: its tables are the columns that are written.
@Suite struct FormatDocumentTests {
  private func table(_ heading: String) throws -> [[String]] {
    let text = try String(contentsOfFile: "\(projectFolder)/docs/format.md", encoding: .utf8)
    let section = try #require(text.components(separatedBy: "\n### \(heading),").dropFirst().first)
    return section.components(separatedBy: "\n#")[0].split(separator: "\n")
      .filter { $0.hasPrefix("| `") }
      .map { $0.split(separator: "|").map { $0.trimmingCharacters(in: [" ", "`"]) } }
  }

  private func describe(_ type: ArrowType) -> String {
    switch type {
    case .bool: "bool"
    case .int(let bits, let signed): "\(signed ? "" : "u")int\(bits)"
    case .float32: "float32"
    case .float64: "float64"
    case .utf8: "utf8"
    case .binary: "binary"
    case .fixedSizeBinary(let width): "fixed_size_binary[\(width)]"
    case .list(let child): "list<\(describe(child.type))>"
    }
  }

  private func check(_ heading: String, _ codec: some ShardCodec) throws {
    let rows = try table(heading)
    #expect(rows.map { $0[0] } == codec.fields.map(\.name))
    #expect(rows.map { $0[1] } == codec.fields.map { describe($0.type) })
    #expect(rows.map { $0[2] } == codec.fields.map { $0.nullable ? "yes" : "no" })
    #expect(codec.schemaVersion == 1)
  }

  @Test func theTablesAreTheColumns() throws {
    try check("Rollouts", RolloutCodec())
    try check("Scores", ScoreCodec(components: ["NAME"]))
    try check("Updates", UpdateCodec())
  }
}
