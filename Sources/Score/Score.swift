internal import ArgumentParser
internal import Formats
internal import Foundation
internal import Pipeline
internal import Rewards

/// Scores stored rollouts into a named score set: one score shard per rollout shard. Rollouts are never changed, and
/// any number of sets may stand beside one another.
@main struct Score: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rollbook-score", abstract: "Score stored rollouts: verifiers, tests of code, formats, lengths, models, programs, servers.",
    discussion: """
      EXAMPLES
        Right answers count 1, the asked form 0.2:
          rollbook score --buffer runs/add --step 0 --reward math=1 --reward format=0.2
        Another set over the same rollouts, with a reward for short right answers:
          rollbook score --buffer runs/add --step 0 --scores short --reward math=1 --reward o1-pruner=0.1
        The same against the lengths of a reference model's responses, sampled into a buffer of their own:
          rollbook score --buffer runs/add --step 0 --scores short --reference-buffer runs/reference \\
            --reward math=1 --reward o1-pruner:reference=given=0.1
        Only some of them; the others' rewards are null:
          rollbook score --buffer runs/add --step 0 --scores long --reward math=1 --where 'response_length > 100'
        A form of one's own:
          rollbook score --buffer runs/add --step 0 --reward 'format:pattern=Answer: [0-9]+=0.2' …
        A reward for short answers that only right ones earn, from step 100 on:
          rollbook score … --reward math=1 --reward 'o1-pruner=0.1; when math = 1; clip -2..4; from-step 100'
        Unit tests in a sandbox; a reward model; a program of one's own; all of it as a file:
          rollbook score --buffer runs/code --step 0 --reward code=1 --reward format:form=strict=0.2
          rollbook score … --scores rm --reward model=runs/rm/checkpoints/step-000020
          rollbook score … --scores own --reward command='python3 judge.py'
          rollbook score … --scores all --rewards rewards.yaml
        One task of an array of eight, each with every eighth shard:
          rollbook score … --shards $SLURM_ARRAY_TASK_ID/8

      The reward of a rollout is the sum of weight × component; each component is stored under its own name. The first
      component counts as passed where it is 1.

      REWARDS (name[:key=value,…][=WEIGHT]; keys: docs/rewards.md)
      \(rewardList)
      """)

  @OptionGroup var stage: StageOptions
  @OptionGroup var selection: SelectionOptions

  @Option(help: ArgumentHelp("The score set's name.", valueName: "name"))
  var scores = "main"
  @OptionGroup var rewards: RewardFlags

  @Option(
    help: ArgumentHelp(
      "A buffer whose rollouts to the same prompts give the reference length of o1-pruner:reference=given.",
      valueName: "dir"))
  var referenceBuffer: String?
  @Option(help: ArgumentHelp("Only this step of --reference-buffer (default: all).", valueName: "n"))
  var referenceStep: Int?

  @Option(
    help: ArgumentHelp(
      "Only every N-th rollout shard, from the K-th on (from 0): the share of one task of an array.",
      discussion: "The last task to end records the step's metrics. E.g. --shards $SLURM_ARRAY_TASK_ID/8",
      valueName: "k/n"))
  var shards: ShardShare?

  @Flag(
    help: ArgumentHelp(
      "Score rows again that an interrupted run has kept.",
      discussion: "With a reward that remembers rows (command:stateful=true), going on where it stopped is refused."))
  var restart = false

  @Flag(
    help: ArgumentHelp(
      "Run the programs that the code reward judges WITHOUT a sandbox.",
      discussion: "They can then do all that you can: read, change and send your files."))
  var unsafeCode = false

  private static var rewardList: String {
    RewardRegistry.all(ScoringContext(threads: 1, quiet: true, seed: 0)).entries
      .map { "  " + $0.name.padding(toLength: 16, withPad: " ", startingAt: 0) + $0.summary }.joined(separator: "\n")
  }

  static func main() { Stage.main(Self.self) }

  func run() throws {
    try Buffer.validate(set: scores)
    let context = ScoringContext(
      threads: stage.threadCount, quiet: stage.quiet, seed: stage.seed, buffer: stage.buffer, step: stage.step,
      unsafeCode: unsafeCode)
    let rewards = try rewards.rewardSet(.all(context))
    let buffer = try Buffer.open(path: stage.buffer, create: false)
    let all = try buffer.completeRollouts(step: stage.step)
    let mine = all.enumerated().filter { shards?.holds($0.offset) ?? true }.map(\.element)
    let scoring = ShardScoring(
      buffer: buffer, set: scores, step: stage.step, rewards: rewards,
      reference: try referenceBuffer.map {
        try LengthReference(Buffer.open(path: $0, create: false), step: referenceStep)
      },
      selection: selection.text, selected: try selection.ids(buffer, step: stage.step, making: scores),
      restarts: restart)
    try scoring.checkHistory(mine, isShare: shards != nil)
    let total = mine.reduce(0) { $0 + $1.rows }
    let progress = Shared((bar: Progress("score", stage, total: total, unit: "rollouts"), done: 0))
    let (made, tally) = try scoring.make(mine, workers: rewards.isPure ? context.threads : 1) { rows in
      progress.change {
        $0.done += rows
        $0.bar.update($0.done)
      }
    }
    progress.change { $0.bar.finish() }
    try finish(buffer, scoring, all: all, mine: tally, made: made)
  }

  /// Sums up what is stored; the metrics of a step are recorded when all of its shards are scored.
  private func finish(
    _ buffer: Buffer, _ scoring: ShardScoring, all: [Manifest], mine: Tally, made: Int
  ) throws {
    var tally = mine
    var left = 0
    if shards != nil {
      let done = try all.filter { try scoring.isDone($0) }
      left = all.count - done.count
      tally = try done.reduce(into: Tally()) { $0.add(try scoring.tally($1)) }
    }
    // A run that was killed may have published and not recorded; but a finished step can be on a disk to be read only.
    let metrics = Metrics(buffer)
    let stageName = "score:\(scores)"
    let isRecorded = try made == 0 && metrics.lines().contains { $0.step == stage.step && $0.stage == stageName }
    if left == 0, !isRecorded {
      try metrics.record(
        step: stage.step, stage: stageName, tally.summary.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
    }
    var summary: JSONObject = [
      "stage": "score", "step": .int(stage.step), "scores": .string(scores), "rollouts": .int(tally.rows),
      "shards": .int(all.count), "made": .int(made),
    ]
    if shards != nil { summary["shards_left"] = .int(left) }
    for (name, value) in tally.summary.sorted(by: { $0.key < $1.key }) { summary[name] = JSON.finite(value) }
    let mean = tally.summary["reward_mean"].map { Format.decimal($0, 3) } ?? "none"
    let passed = tally.summary["pass_rate"].map { ", pass rate \(Format.percent($0))" } ?? ""
    let others = left > 0 ? ", \(left) of \(all.count) shards left to other tasks" : ""
    try stage.finish(
      summary,
      "\(made == 0 ? "already done: " : "")step \(stage.step), set '\(scores)': \(tally.rows) rollouts, "
        + "mean reward \(mean)\(passed)\(others)")
  }
}
