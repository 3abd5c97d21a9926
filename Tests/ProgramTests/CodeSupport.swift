import Formats
import Foundation
import TestSupport
import Testing

/// Whether sandboxes can be made here, as somebody who is not root makes them.
enum SandboxSupport {
  static let isThere: Bool = {
    let sandbox =
      [
        "bwrap", "--unshare-user", "--unshare-pid", "--unshare-net", "--ro-bind", "/", "/",
        "/bin/true",
      ]
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments =
      (geteuid() == 0 ? ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] : [])
      + sandbox
    process.standardError = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return false }
    process.waitUntilExit()
    return process.terminationStatus == 0
  }()

  static let comment: Comment =
    "no bubblewrap, or no user namespaces: scripts/install.sh, docs/sandbox.md"
}

/// What the reward made of one response.
struct CodeVerdict: CustomStringConvertible {
  let value: Double?
  let extracted: String
  var description: String { "\(value.map { "\($0)" } ?? "null") \(extracted)" }

  /// The word of `code.jsonl` that describes it.
  var word: String {
    if value == 1 { return "pass" }
    let words = [
      ("no code", "no_code"), ("timed out", "timeout"), ("output limit", "output_limit"),
      ("SyntaxError", "syntax_error"),
      ("IndentationError", "syntax_error"), ("MemoryError", "memory_limit"),
      ("killed by signal", "killed"),
      ("ended before", "no_result"), ("wrote over", "no_result"), ("not permitted", "blocked"),
      ("Read-only file system", "blocked"), ("expected ", "fail"),
    ]
    return words.first { extracted.contains($0.0) }?.1 ?? "error"
  }
}

extension Scratch {
  /// A run of these responses with their prompts' `meta`, one prompt each.
  func importing(_ rows: [(response: String, meta: JSON)]) throws {
    let lines = try rows.enumerated().map { index, row in
      let json: JSON = [
        "id": .string("p\(index)"), "prompt": .string("p\(index)"),
        "response": .string(row.response), "meta": row.meta,
      ]
      return try json.serialized()
    }
    let path = try file("rows-\(UUID().uuidString).jsonl", lines.joined(separator: "\n") + "\n")
    try run("rollbook", ["import", buffer, path, "--model", Self.example, "--step", "0"]).expect()
  }

  func scoreManifest(set: String = "main") throws -> Manifest {
    let name = Buffer.shardName(step: 0, part: 0, set: set).replacing(".arrow", with: ".json")
    return try manifest("shards/scores/\(name)")
  }

  /// Scores step 0 with one reward and returns its verdicts, in order.
  func judged(_ spec: String, set: String = "main", _ flags: String...) throws -> [CodeVerdict] {
    try run(
      "rollbook-score",
      ["--buffer", buffer, "--step", "0", "--scores", set, "--reward", spec, "--threads", "8"]
        + flags
    ).expect()
    return try scores(0, set: set).map {
      CodeVerdict(value: $0.components[0], extracted: $0.extracted ?? "")
    }
  }
}

/// A response whose only block is this program.
func fenced(_ program: String, _ language: String = "python") -> String {
  "```\(language)\n\(program)\n```"
}

/// `1 0 - 0.5`, with - for null.
func values(_ verdicts: [CodeVerdict]) -> String {
  verdicts.map { $0.value.map { $0 == $0.rounded() ? "\(Int($0))" : "\($0)" } ?? "-" }.joined(
    separator: " ")
}
