import ArgumentParser
import Formats
import Foundation
import Pipeline
import Testing

/// A stage that ends as its `--outcome` says.
private struct Probe: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "probe")
  @OptionGroup var stage: StageOptions
  @Option var outcome = "done"

  func run() throws {
    switch outcome {
    case "done": return
    case "closed": throw Output.Closed()
    case "code": throw ExitCode(3)
    case "validation": throw ValidationError("these flags contradict each other")
    case "foundation": _ = try String(contentsOfFile: "/nonexistent/file", encoding: .utf8)
    case "unknown": throw Unknown()
    default:
      let code = try #require(Int32(outcome).flatMap(RollbookError.Code.init))
      throw RollbookError(code, place: "a.jsonl:17", "expected this, found that", hint: "do so")
    }
  }

  struct Unknown: Error {}
}

@Suite("The stage frame")
struct StageTests {
  private static let flags = ["--buffer", "runs/x", "--step", "0", "--quiet"]

  @Test(arguments: [
    ("done", 0), ("closed", 0), ("code", 3), ("validation", 64), ("foundation", 69), ("unknown", 70), ("64", 64),
    ("65", 65), ("69", 69), ("70", 70), ("74", 74), ("75", 75),
  ])
  func exitCode(outcome: String, code: Int) {
    #expect(Stage.run(Probe.self, arguments: Self.flags + ["--outcome", outcome]) == Int32(code))
  }

  @Test(arguments: [
    [], ["--buffer", "x"], ["--step", "1"], ["--buffer", "x", "--step", "one"], ["--buffer", "", "--step", "1"],
    ["--buffer", "x", "--step", "-1"], ["--buffer", "x", "--step", "1", "--threads", "0"],
    ["--buffer", "x", "--step", "1", "--seed=-2"], ["--buffer", "x", "--step", "1", "--no-such-flag"],
  ])
  func wrongUsage(arguments: [String]) {
    #expect(Stage.run(Probe.self, arguments: arguments) == 64)
  }

  /// Manifests say how to do it again: what was typed, without where the result goes.
  @Test func theCommandIsRecorded() throws {
    let arguments = ["--json", "--buffer=runs/x", "--step", "0", "--quiet", "--outcome", "done", "--seed=3"]
    #expect(Stage.run(Probe.self, arguments: arguments) == 0)
    let made = Provenance("probe", parameters: [:], inputs: [], kernels: "none", threads: 1).action()
    #expect(made.command == ["probe", "--step", "0", "--outcome", "done", "--seed=3"])
    #expect(made.directory == FileManager.default.currentDirectoryPath)
  }

  @Test func flagsAreToldApart() {
    var flags = FlagList(["--kl", "-0.1", "--reward", "math=1", "--on-policy", "--reward=format=0.2", "--stop=--"])
    #expect(flags.contains("reward") && flags.contains("stop") && !flags.contains("math"))
    flags.remove("reward")
    #expect(flags.arguments == ["--kl", "-0.1", "--on-policy", "--stop=--"])
    flags.remove("kl")
    flags.add("kl", "-2")
    flags.add("quiet", nil)
    #expect(flags.arguments == ["--on-policy", "--stop=--", "--kl=-2", "--quiet"])
    #expect(FlagList([]).arguments.isEmpty && FlagList(["a", "--b"]).arguments == ["a", "--b"])
  }

  @Test func helpIsNoError() {
    #expect(Stage.run(Probe.self, arguments: ["--help"]) == 0)
  }

  @Test func errorTextNamesPlaceMessageAndHint() {
    let error = RollbookError(.badInput, place: "a.jsonl:17", "expected x, found \u{1B}[31my", hint: "do so")
    #expect(Stage.text(of: error) == "error: a.jsonl:17: expected x, found y\n  do so\n")
    #expect(Stage.text(of: RollbookError(.io, "no space")) == "error: no space\n")
  }

  @Test func usageErrorsBeginLikeOurs() throws {
    do {
      _ = try Probe.parse(["--buffer", "x", "--step", "1", "--threads", "0"])
      Issue.record("--threads 0 was accepted")
    } catch {
      let outcome = Stage.outcome(of: error, in: Probe.self)
      #expect(outcome.code == 64)
      #expect(outcome.text.hasPrefix("error: --threads 0: expected 1 to 4096\n"))
      #expect(outcome.text.hasSuffix("\n"))
    }
  }

  @Test func bufferLosesTrailingSlashes() throws {
    let probe = try Probe.parse(["--buffer", "runs/x//", "--step", "2"])
    #expect(probe.stage.buffer == "runs/x")
    #expect(probe.stage.step == 2)
    #expect(probe.stage.seed == 0)
    #expect(probe.stage.threadCount >= 1)
  }

  @Test func aSchedulersLimitBoundsTheThreads() {
    let all = StageOptions.availableThreads([:])
    #expect(StageOptions.availableThreads(["SLURM_CPUS_PER_TASK": "1"]) == 1)
    #expect(StageOptions.availableThreads(["SLURM_CPUS_PER_TASK": "100000"]) == all)
    #expect(StageOptions.availableThreads(["SLURM_CPUS_PER_TASK": "many"]) == all)
  }
}

@Suite("Interrupts", .serialized)
struct InterruptTests {
  @Test(arguments: [("SIGINT", SIGINT), ("SIGTERM", SIGTERM), ("SIGUSR1", SIGUSR1), ("SIGUSR2", SIGUSR2)])
  func aSignalSetsTheFlag(name: String, number: Int32) {
    var mask = sigset_t()
    pthread_sigmask(SIG_BLOCK, nil, &mask)
    Interrupt.install()
    defer { pthread_sigmask(SIG_SETMASK, &mask, nil) }
    Interrupt.reset()
    #expect(!Interrupt.requested)
    #expect(Interrupt.name == nil)
    kill(getpid(), number)
    for _ in 0..<10_000 where !Interrupt.requested { usleep(1000) }
    #expect(Interrupt.requested)
    #expect(Interrupt.name == name)
    #expect(Interrupt.error("1 of 2 is kept").code == .interrupted)
    #expect(Interrupt.error("1 of 2 is kept").message == "stopped by \(name): 1 of 2 is kept")
    Interrupt.reset()
  }

  @Test func aClosedPipeIsAnErrorNotASignal() {
    Interrupt.ignoreClosedPipes()
    var ends: [Int32] = [0, 0]
    #expect(pipe(&ends) == 0)
    close(ends[0])
    #expect(Output.send("x", to: ends[1]) == EPIPE)
    close(ends[1])
  }
}
