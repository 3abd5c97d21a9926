import Formats
import Foundation
import Testing

extension ProgramTests {
  /// A training step that is stopped half-way and run again.
  @Suite struct InterruptedTrainTests {
    let scratch: Scratch
    private let start: String

    /// Seconds of computing before anything is written (two on a fast machine that has nothing else to do, so that a
    /// signal after a few tenths finds it at work), and a tenth of one.
    private static let long = ["--on-policy", "--epochs", "40", "--minibatches", "4", "--threads", "1"]
    private static let short = ["--on-policy", "--threads", "1", "--tokens-per-batch", "4096"]

    init() throws {
      scratch = try Scratch()
      try scratch.prepare("--prompts-per-step", "32", "--group-size", "16", "--max-new-tokens", "16")
      start = scratch.buffer
    }

    /// What the step comes to when nobody disturbs it.
    private func undisturbed(_ flags: [String], _ name: String = "whole") throws -> [String: String] {
      scratch.buffer = start
      scratch.buffer = try scratch.copy(name)
      try scratch.run("rollbook-train", scratch.trainArguments(0, flags)).expect()
      defer { scratch.buffer = start }
      return try scratch.results()
    }

    /// Starts a step, waits for the moment, and sends the signal.
    private func disturbed(
      _ flags: [String], _ signal: Int32, at moment: (Running) -> Bool
    ) throws -> Outcome {
      let running = try scratch.start("rollbook-train", scratch.trainArguments(0, flags))
      running.poll { moment(running) }
      running.send(signal)
      return running.wait()
    }

    private func resume(_ flags: [String], to whole: [String: String], _ what: String = "") throws {
      try scratch.run("rollbook-train", scratch.trainArguments(0, flags)).expect()
      #expect(try scratch.results() == whole, "\(what)")
      // A manifest that was being written has a random name, so that one of a killed run stays behind.
      let left = scratch.names("staging").filter { !$0.hasSuffix("lock") }
      #expect(left.allSatisfy { $0.hasSuffix(".tmp") }, "\(what): \(left)")
      try scratch.rollbook("verify", "--deep").expect()
    }

    @Test func killedWhileComputing() throws {
      let whole = try undisturbed(Self.long)
      let outcome = try disturbed(Self.long, SIGKILL) { $0.hasRun(for: 0.2) && $0.listens }
      #expect(outcome.wasKilled && outcome.code == SIGKILL, "\(outcome)")
      #expect(scratch.names("checkpoints") == ["step-000000"] && scratch.names("shards/updates").isEmpty)
      try scratch.rollbook("verify").expect()
      try resume(Self.long, to: whole)
    }

    /// The other optimizers, an average, and an adapter with dropout: killed while computing and while publishing.
    @Test(
      arguments: [
        ["--optimizer", "muon", "--ema", "0.9"], ["--optimizer", "adafactor"],
        ["--lora", "4", "--lora-dropout", "0.2", "--ema", "0.5"]
      ])
    func killedWithOtherParameters(flags: [String]) throws {
      let short = Self.short + flags,
        long = ["--on-policy", "--epochs", "8", "--minibatches", "4", "--threads", "1"] + flags
      let published = try undisturbed(short)
      for (number, file) in ["optimizer", "ema", "adapter_model"].enumerated() {
        scratch.buffer = start
        scratch.buffer = try scratch.copy("killed-\(number)")
        _ = try disturbed(short, SIGKILL) { _ in scratch.exists("staging/checkpoint-step-000001/\(file).safetensors") }
        try resume(short, to: published, file)
      }
      let whole = try undisturbed(long, "whole-long")
      _ = try disturbed(long, SIGKILL) { $0.hasRun(for: 0.2) && $0.listens }
      try resume(long, to: whole, "while computing")
    }

    @Test func toldToStop() throws {
      let whole = try undisturbed(Self.long)
      try disturbed(Self.long, SIGINT) { $0.hasRun(for: 0.2) && $0.listens }
        .expect(75, naming: "SIGINT", "run the same command again")
      #expect(scratch.names("checkpoints") == ["step-000000"] && scratch.names("shards/updates").isEmpty)
      try resume(Self.long, to: whole)
    }

    /// Code that oneDNN generates uses the stack pointer for other things: a signal handler on a thread that computes
    /// would overwrite live data. So all of them block the signals but one thread that never computes.
    @Test(.enabled(if: FileManager.default.fileExists(atPath: "/proc/self/status")))
    func threadsThatComputeAreNotInterrupted() throws {
      let running = try scratch.start("rollbook-train", scratch.trainArguments(0, Self.long + ["--threads", "2"]))
      running.poll { running.hasRun(for: 0.2) && running.listens }
      let ours = [SIGINT, SIGTERM, SIGUSR1, SIGUSR2].reduce(UInt64(0)) { $0 | 1 << UInt64($1 - 1) }
      let folder = "/proc/\(running.identifier)/task"
      let blocked = try FileManager.default.contentsOfDirectory(atPath: folder).reduce(into: [String: UInt64]()) {
        let status = (try? String(contentsOfFile: "\(folder)/\($1)/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("SigBlk:") } ?? ""
        $0[$1] = UInt64(line.dropFirst(7).trimmingCharacters(in: .whitespaces), radix: 16)
      }
      running.send(SIGTERM)
      running.wait().expect(75)
      #expect(blocked["\(running.identifier)"].map { $0 & ours } == ours, "the main thread: \(blocked)")
      #expect(blocked.values.count { $0 & ours == ours } >= 2, "the main thread and the other of the pool: \(blocked)")
      #expect(blocked.values.contains { $0 & ours == 0 }, "the one that listens: \(blocked)")
    }

    /// Many interruptions, each at another moment of the computation: none of them may end in anything but 75.
    @Test func toldToStopAtAnyMoment() throws {
      for moment in 0..<12 {
        let seconds = 0.05 + 0.02 * Double(moment)
        let signal = [SIGINT, SIGTERM, SIGUSR1, SIGUSR2][moment % 4]
        let outcome = try disturbed(Self.long, signal) { $0.hasRun(for: seconds) }
        // A signal that comes before the handlers are there ends the program at once.
        #expect(outcome.code == 75 || outcome.wasKilled && seconds < 0.1, "after \(seconds) s: \(outcome)")
      }
      try scratch.rollbook("verify", "--deep").expect()
    }

    /// Killed when something new is on the disk. How far the program gets until the signal arrives differs; whatever it
    /// is, no checkpoint is there by halves and the same command completes the step.
    @Test func killedWhilePublishing() throws {
      let whole = try undisturbed(Self.short)
      let staged = "staging/checkpoint-step-000001"
      let signs = [
        "staging/updates-\(scratch.shardName(0))", staged, "\(staged)/model.safetensors",
        "\(staged)/optimizer.safetensors", "\(staged)/manifest.json", "checkpoints/step-000001",
        "shards/updates/\(scratch.shardName(0))", "shards/updates/step-000000-part-00000.json"
      ]
      for (number, sign) in signs.enumerated() {
        scratch.buffer = start
        scratch.buffer = try scratch.copy("killed-\(number)")
        _ = try disturbed(Self.short, SIGKILL) { _ in scratch.exists(sign) }
        if scratch.exists("checkpoints/step-000001") {
          for file in try #require(scratch.checkpointManifest(1).files) {
            let digest = try Digest.file(scratch.path("checkpoints/step-000001/\(file.name)"))
            #expect(file.digest == digest, "\(sign): \(file.name)")
          }
        }
        try scratch.rollbook("ls").expect()
        try resume(Self.short, to: whole, sign)
      }
    }

    /// What a power failure between the two last renames of a step leaves: the shard without its manifest.
    @Test func updatesWithoutTheirManifest() throws {
      let whole = try undisturbed(Self.short)
      try scratch.run("rollbook-train", scratch.trainArguments(0, Self.short)).expect()
      let manifest = "shards/updates/step-000000-part-00000.json"
      try FileManager.default.removeItem(atPath: scratch.path(manifest))
      try scratch.rollbook("verify").expect(65, naming: scratch.shardName(0), "no manifest")
      try resume(Self.short, to: whole)
      #expect(scratch.exists(manifest))
    }

    /// A step that failed before its checkpoint was there does not stand in the way of the same step with other flags.
    @Test func otherFlagsAfterwards() throws {
      _ = try disturbed(Self.short, SIGKILL) { _ in scratch.exists("staging/checkpoint-step-000001/model.safetensors") }
      guard !scratch.exists("checkpoints/step-000001") else { return }
      try scratch.train(0, "--on-policy", "--lr", "1e-4").expect()
      try scratch.rollbook("verify", "--deep").expect()
    }
  }
}
