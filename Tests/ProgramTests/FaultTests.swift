import Foundation
import Testing

extension ProgramTests {
  /// The real programs, killed or refused at every write, sync, rename, link and deletion in turn, SQLite's included:
  /// whatever happens, all or nothing is visible, the same command completes the work, and the index is as rebuilt.
  @Suite(.enabled(if: Fault.library != nil, "there is no C compiler to make the preloaded library with"))
  struct FaultTests {
    private let scratch: Scratch

    init() throws { scratch = try Scratch(inMemory: true) }

    private func sweep(_ name: String, _ program: String, _ arguments: [String]) throws {
      let result = try FaultSweep(name: name, base: scratch.buffer, program: program, arguments: arguments).run()
      #expect(result.failures.isEmpty, "\(result.failures.prefix(5).joined(separator: "\n"))")
      #expect(result.calls > 20 && result.told > result.untold.count * 2, "\(result.told), not: \(result.untold)")
    }

    private func stage(_ arguments: [String]) -> [String] { arguments.map { $0 == scratch.buffer ? "BUFFER" : $0 } }

    private static let small = ["--prompts-per-step", "4", "--quiet"]
    private static let rewards = ["--reward", "sort-positions=1", "--reward", "sort-neighbours=1", "--quiet"]
    private static let training = ["--on-policy", "--threads", "1", "--tokens-per-batch", "4096", "--quiet"]

    @Test func generate() throws {
      try scratch.initialise()
      try scratch.rollbook("ls").expect()
      try sweep("generate", "rollbook-generate", stage(scratch.generateArguments(0, Self.small)))
    }

    @Test func score() throws {
      try scratch.initialise()
      try scratch.run("rollbook-generate", scratch.generateArguments(0, Self.small)).expect()
      try scratch.rollbook("ls").expect()
      try sweep("score", "rollbook-score", ["--buffer", "BUFFER", "--step", "0"] + Self.rewards)
    }

    @Test func train() throws {
      try scratch.prepare("--prompts-per-step", "4")
      try scratch.rollbook("ls").expect()
      try sweep("train", "rollbook-train", stage(scratch.trainArguments(0, Self.training)))
    }

    @Test func ingestion() throws {
      try scratch.initialise()
      try scratch.rollbook("ls").expect()
      try scratch.run("rollbook-generate", scratch.generateArguments(0, Self.small)).expect()
      try scratch.score(0).expect()
      try sweep("ls", "rollbook", ["ls", "BUFFER"])
    }

    @Test func reindexing() throws {
      try scratch.prepare("--prompts-per-step", "4")
      try scratch.rollbook("ls").expect()
      try sweep("reindex", "rollbook", ["reindex", "BUFFER"])
    }
  }
}
