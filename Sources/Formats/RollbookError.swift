/// The one error type for faults of the world: bad files, missing inputs, full disks, wrong usage.
///
/// A fault of our own is a precondition, never this. `description` reads `place: message (hint)`.
package struct RollbookError: Error, Equatable, CustomStringConvertible, Sendable {
  /// Exit codes of every program (the sense of BSD's `sysexits.h`).
  package enum Code: Int32, Sendable {
    case usage = 64
    case badInput = 65
    case missing = 69
    case bug = 70
    case io = 74
    case interrupted = 75
  }

  /// The exit code of a program that ends with this error.
  package var code: Code
  /// Where: `file.jsonl:17`, `shard.arrow at byte 4096`, or empty.
  package var place: String
  /// What was expected and what was found.
  package var message: String
  /// What to do about it.
  package var hint: String?

  package init(_ code: Code, place: String = "", _ message: String, hint: String? = nil) {
    self.code = code
    self.place = place
    self.message = message
    self.hint = hint
  }

  package var description: String {
    let head = place.isEmpty ? message : "\(place): \(message)"
    return hint.map { "\(head) (\($0))" } ?? head
  }
}

extension RollbookError {
  /// Wrong flags or values given by the person or script that ran the program (exit 64).
  package static func usage(_ message: String, hint: String? = nil) -> RollbookError {
    RollbookError(.usage, message, hint: hint)
  }

  /// A file that is there but says something impossible (exit 65).
  package static func badInput(_ place: String, _ message: String, hint: String? = nil) -> RollbookError {
    RollbookError(.badInput, place: place, message, hint: hint)
  }

  /// Something upstream that should be there and is not (exit 69).
  package static func missing(_ place: String, _ message: String, hint: String? = nil) -> RollbookError {
    RollbookError(.missing, place: place, message, hint: hint)
  }

  /// A state that only a fault of ours can produce, found where a trap would lose work (exit 70).
  package static func bug(_ message: String) -> RollbookError {
    RollbookError(.bug, message, hint: "this is a fault in Rollbook: please report it")
  }
}
