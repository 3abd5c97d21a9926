package import ArgumentParser
import Foundation

/// The flags that every stage has. Use as `@OptionGroup var stage: StageOptions`.
package struct StageOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The run's folder: shards, scores, checkpoints, metrics and index live here.",
      discussion: """
        generate makes it when it is not there; score and train expect it. All stages of one run share it, e.g. \
        --buffer runs/add. Workers on several hosts may write to one buffer on a shared filesystem.
        """,
      valueName: "dir"))
  package var buffer: String

  @Option(
    help: ArgumentHelp(
      "The training step: rollouts of step N are sampled from checkpoint N, training on them makes N+1.",
      discussion: """
        The first step is 0, e.g. --step 0. A step that is already stored is left alone and the program says so; to \
        repeat one, see 'rollbook rerun'.
        """,
      valueName: "n"))
  package var step: Int

  @Option(
    help: ArgumentHelp(
      "The seed of every random draw; the same seed and inputs give the same bytes.",
      discussion: """
        A rollout depends on the seed, its prompt, its sample number and the weights only: not on batches, threads, \
        order or restarts. Keep one seed for a whole run, e.g. --seed 1.
        """,
      valueName: "n"))
  package var seed: Int = 0

  @Option(
    help: ArgumentHelp(
      "Threads to compute with (default: the cores this process may use).",
      discussion: "A scheduler's limit (CPU affinity, SLURM_CPUS_PER_TASK) is respected.",
      valueName: "n"))
  package var threads: Int?

  @Flag(
    help: ArgumentHelp(
      "Print one JSON object that sums up the stage on standard output.",
      discussion: "Everything else goes to standard error, e.g. rollbook score … --json | jq .reward_mean"))
  package var json = false

  @Flag(help: "No progress and no notes; errors still show.")
  package var quiet = false

  package init() {}

  package mutating func validate() throws {
    while buffer.count > 1, buffer.hasSuffix("/") { buffer.removeLast() }
    guard !buffer.isEmpty else { throw ValidationError("--buffer is empty: expected a folder, e.g. --buffer runs/add") }
    guard (0..<1_000_000_000).contains(step) else {
      throw ValidationError("--step \(step): expected 0 to 999999999")
    }
    guard seed >= 0 else { throw ValidationError("--seed \(seed): expected 0 or more") }
    if let threads, !(1...4096).contains(threads) {
      throw ValidationError("--threads \(threads): expected 1 to 4096")
    }
  }
}

extension StageOptions {
  /// The threads to compute with: `--threads`, else the cores this process may run on, no more than
  /// SLURM_CPUS_PER_TASK where that is set (clusters without CPU binding).
  package var threadCount: Int { threads ?? Self.availableThreads(ProcessInfo.processInfo.environment) }

  package static func availableThreads(_ environment: [String: String]) -> Int {
    let cores = max(1, ProcessInfo.processInfo.activeProcessorCount)  // the affinity mask's count on Linux
    guard let text = environment["SLURM_CPUS_PER_TASK"], let limit = Int(text), limit > 0 else { return cores }
    return min(cores, limit)
  }
}
