internal import ArgumentParser
internal import Pipeline

/// What scripts/bench_engine.sh, scripts/bench_storage.sh and scripts/bench_score.sh run.
@main struct Bench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rollbook-bench",
    abstract: "Measure the speed of the engine, tokenizers and storage on this machine; make files for other readers.",
    subcommands: [EngineBench.self, TokenizerBench.self, StorageBench.self, ScoreBench.self, Interop.self], defaultSubcommand: EngineBench.self)

  static func main() { Stage.main(Self.self) }
}

struct StorageBench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "storage", abstract: "Measure writing and reading of shards.",
    subcommands: [StorageMake.self, StorageRead.self])
}

/// What scripts/bench_score.sh runs.
struct ScoreBench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "score", abstract: "Measure what scoring is bounded by, and the math reward alone.",
    subcommands: [ScoreMake.self, ScoreRead.self, ScoreAnswers.self])
}

/// For scripts/interop.
struct Interop: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "interop", abstract: "Make Arrow files of every kind with what they hold as JSON Lines.",
    subcommands: [InteropMake.self, InteropDump.self])
}
