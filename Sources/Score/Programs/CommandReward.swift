internal import Formats
internal import Pipeline
internal import Rewards

/// Any program as a reward: JSON lines in, JSON lines out (docs/command-rewards.md).
struct CommandReward: Scorer {
  let name = "command"
  let version = 1
  let parameters: [(name: String, value: String)]
  let judgesCorrectness: Bool
  let isStateful: Bool
  let rowsAtOnce: Int
  let needs = RewardInput.factsNeeds
  private let pool: ProgramPool

  static func entry(_ context: ScoringContext) -> RewardRegistry.Entry {
    RewardRegistry.Entry(
      name: "command", summary: "what any program says: JSON lines in, JSON lines out",
      keys: [
        ("run", "the program and its arguments; in words as a shell's, but without a shell"),
        ("files", "further files that decide its verdicts"), ("workers", "processes at once, default --threads"),
        ("window", "rows that a process has at once, default 16"), ("timeout", "seconds for an answer, default 60"),
        ("startup", "seconds more for the first one, default 60"),
        ("on-error", "error or null for rows without an answer, default error"),
        ("stateful", "true: it remembers rows; one process, in order, never again in silence"),
        ("judges", "true: 1 means right"),
      ], mainKey: "run"
    ) { options in try CommandReward(options, context) }
  }

  init(_ options: RewardOptions, _ context: ScoringContext) throws {
    let line = try options.text("run", "PROGRAM ARGUMENTS")
    let words = try CommandLineWords(line, more: options["files"] ?? "")
    isStateful = try options.flag("stateful")
    judgesCorrectness = try options.flag("judges")
    var settings = ProgramSettings(
      title: Terminal.sanitizeLine(words.title, limit: 60), executable: words.executable, arguments: words.words)
    settings.workers = try options.count(
      "workers", 1...256, default: isStateful ? 1 : max(1, min(context.threads, 256)))
    settings.window = try options.count("window", 1...1024, default: 16)
    settings.timeout = try options.seconds("timeout", default: 60)
    settings.startup = try options.seconds("startup", default: 60)
    settings.onError = try options.choice("on-error", default: .error)
    settings.isStateful = isStateful
    settings.quiet = context.quiet
    if isStateful, settings.workers > 1 || settings.onError == .null {
      throw RewardError("command: a stateful program is one process that misses no row: no workers, no on-error=null")
    }
    rowsAtOnce = max(64, 4 * settings.workers * settings.window)
    pool = ProgramPool(settings)
    var parameters = [("run", line)]
    if let interpreter = words.interpreter { parameters.append(("interpreter", interpreter)) }
    for file in words.files { parameters.append((file.name, file.digest)) }
    parameters.append(("on-error", settings.onError.rawValue))
    if settings.onError == .null {
      parameters += [("timeout", "\(settings.timeout)"), ("startup", "\(settings.startup)")]
    }
    parameters += [("stateful", "\(isStateful)"), ("judges", "\(judgesCorrectness)")]
    self.parameters = parameters.map { (name: $0.0, value: $0.1) }
  }

  func score(groups: [[RewardInput]]) throws -> [[RewardOutput]] {
    try ScoredRows(groups).score { rows in
      try pool.score(
        RowQueue(count: rows.count) { index in
          RowQueue.Row(
            index: index, id: rows[index].id, request: try rows[index].facts.bytes() + [0x0A])
        })
    }
  }
}

/// The rows of groups whose scores are asked for; the others' are null.
struct ScoredRows {
  private let groups: [[RewardInput]]
  let rows: [RewardInput]

  init(_ groups: [[RewardInput]]) {
    self.groups = groups
    rows = groups.joined().filter(\.isSelected)
  }

  /// - Parameter body: Gets the rows and returns as many verdicts, in order.
  func score(_ body: ([RewardInput]) throws -> [RewardOutput]) rethrows -> [[RewardOutput]] {
    var outputs = try body(rows)[...]
    return groups.map { group in
      group.map { $0.isSelected ? outputs.popFirst() ?? RewardOutput(nil) : RewardOutput(nil) }
    }
  }
}
