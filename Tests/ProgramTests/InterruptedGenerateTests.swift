import Formats
import Foundation
import Testing

extension ProgramTests {
  /// A sampling stage that is stopped half-way and run again.
  @Suite struct InterruptedGenerateTests {
    let scratch: Scratch
    /// The shard of a run that nobody disturbed.
    let whole: String
    let wholeSize: Int

    /// About a second of work in 16 record batches, each of them on the disk as soon as it is complete.
    private static let long = [
      "--prompts-per-step", "64", "--group-size", "16", "--max-new-tokens", "96", "--sequences", "16", "--threads", "1",
    ]
    private static let rows = 1024

    private var shard: String { scratch.rolloutShard(0) }
    private var staging: String { "staging/rollouts-\(scratch.shardName(0))" }
    private var arguments: [String] { scratch.generateArguments(0, Self.long) }

    init() throws {
      scratch = try Scratch()
      try scratch.initialise()
      try scratch.run("rollbook-generate", scratch.generateArguments(0, Self.long)).expect()
      whole = try Digest.file(scratch.path(scratch.rolloutShard(0)))
      wholeSize = scratch.size(scratch.rolloutShard(0))
      scratch.buffer += "-disturbed"
      try scratch.initialise()
    }

    /// Starts, waits until a third is on the disk, and sends the signal.
    private func disturbed(_ signal: Int32) throws -> Outcome {
      let running = try scratch.start("rollbook-generate", arguments)
      running.poll { scratch.size(staging) > wholeSize / 3 }
      running.send(signal)
      return running.wait()
    }

    /// The number in "N rollouts … are kept".
    private func kept(_ outcome: Outcome) -> Int? {
      let line = outcome.errors.split(separator: "\n").first { $0.contains("kept") }
      return line.flatMap { $0.split { !$0.isNumber }.first }.flatMap { Int($0) }
    }

    private func resume() throws -> Int {
      let outcome = try scratch.run("rollbook-generate", arguments + ["--json"]).expect(naming: "kept")
      #expect(try Digest.file(scratch.path(shard)) == whole)
      let tokens = try scratch.rollouts(0).reduce(0) { $0 + $1.responseTokens.count }
      #expect(try outcome.json()["response_tokens"]?.double == Double(tokens), "those of the first run count, too")
      #expect(!scratch.exists(staging))
      try scratch.rollbook("verify", "--deep").expect()
      let statistics = try #require(scratch.rollbook("stats", "--json").expect().json()["steps"]?[0])
      let mean = Double(tokens) / Double(Self.rows)
      #expect(abs((statistics["response_length_mean"]?.double ?? .nan) - mean) < 1e-9)
      return try #require(kept(outcome), "\(outcome)")
    }

    @Test func killed() throws {
      let outcome = try disturbed(SIGKILL)
      #expect(outcome.wasKilled && outcome.code == SIGKILL, "\(outcome)")
      #expect(scratch.names("shards/rollouts").isEmpty)
      let kept = try resume()
      #expect(kept >= Self.rows / 4 && kept < Self.rows && kept % 16 == 0)
    }

    @Test func toldToStop() throws {
      let stopped = try disturbed(SIGTERM).expect(75, naming: "SIGTERM", "run the same command again")
      #expect(scratch.names("shards/rollouts").isEmpty)
      let promised = try #require(kept(stopped), "\(stopped)")
      #expect(try resume() == promised)
    }

    /// Bytes that a dying machine left behind the last whole batch are cut off.
    @Test func tornStagingFile() throws {
      _ = try disturbed(SIGKILL)
      let file = try FileHandle(forUpdating: URL(fileURLWithPath: scratch.path(staging)))
      try file.truncate(atOffset: UInt64(scratch.size(staging) - 100))
      try file.seekToEnd()
      try file.write(contentsOf: Data(repeating: 0xA5, count: 5000))
      try file.close()
      _ = try resume()
    }

    @Test func otherFlagsTakeNothingOver() throws {
      _ = try disturbed(SIGKILL)
      let outcome = try scratch.run("rollbook-generate", arguments + ["--seed", "2"]).expect()
      #expect(!outcome.errors.contains("kept"), "\(outcome)")
      #expect(try scratch.rollouts(0).allSatisfy { $0.seed == 2 })
      try scratch.rollbook("verify", "--deep").expect()
    }

    @Test func secondProcessAtTheSameTime() throws {
      let first = try scratch.start("rollbook-generate", arguments)
      first.poll { scratch.size(staging) > wholeSize / 8 }
      let second = try scratch.run("rollbook-generate", arguments)
      #expect(first.isRunning || second.code == 0, "the second came too late to meet the first")
      if second.code != 0 { second.expect(74, naming: "another process", "\(first.identifier)") }
      first.wait().expect()
      #expect(try Digest.file(scratch.path(shard)) == whole)
      try scratch.rollbook("verify", "--deep").expect()
    }
  }
}
