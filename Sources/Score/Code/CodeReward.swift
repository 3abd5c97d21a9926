internal import Formats
internal import Pipeline
internal import Rewards

/// Runs the program of a response against its prompt's tests, in a sandbox.
///
/// Value: 1 where all tests hold, else 0; with `partial=true` the share that holds. Null without tests, and where the
/// tests themselves cannot be run. A response without a program is wrong.
struct CodeReward: Scorer {
  let name = "code"
  let version = 1
  let judgesCorrectness = true
  let needs: RewardNeeds = .conversation
  let parameters: [(name: String, value: String)]
  private let settings: CodeSettings
  private let run: CodeRun
  private let workers: Int

  static func entry(_ context: ScoringContext) -> RewardRegistry.Entry {
    RewardRegistry.Entry(
      name: "code",
      summary: "1 if the program passes the prompt's tests, run in a sandbox",
      keys: CodeSettings.keys, make: { try CodeReward(CodeSettings($0), context) })
  }

  /// Sees whether the sandbox works, once.
  /// - Throws: `missing` where it does not.
  init(_ settings: CodeSettings, _ context: ScoringContext) throws {
    self.settings = settings
    let sandbox = try Sandbox(settings, isUnsafe: context.unsafeCode)
    run = CodeRun(sandbox)
    workers = context.threads
    let told = try run.probe()
    let program: [(name: String, value: String)]
    if let interpreter = sandbox.interpreter {
      program = [
        ("interpreter", interpreter), ("interpreter-version", told),
        ("digest", try Digest.file(interpreter)),
      ]
    } else {
      program = [("command", settings.command ?? "")]
    }
    parameters = program + settings.parameters + [("sandbox", sandbox.name)]
    if sandbox.isUnsafe {
      Output.note(
        "WARNING: --unsafe-code: programs that a model wrote run WITHOUT A SANDBOX, with your files, network and rights"
      )
    }
  }

  func score(groups: [[RewardInput]]) throws -> [[RewardOutput]] {
    let inputs = groups.flatMap { $0 }
    let outputs = Shared([RewardOutput](repeating: RewardOutput(nil), count: inputs.count))
    try concurrently(inputs.count, workers: workers) { index, _ in
      guard inputs[index].isSelected else { return }
      let output = try score(inputs[index])
      outputs.change { $0[index] = output }
    }
    let all = outputs.change { $0 }
    var start = 0
    return groups.map { group in
      defer { start += group.count }
      return Array(all[start..<(start + group.count)])
    }
  }

  private func score(_ input: RewardInput) throws -> RewardOutput {
    let task = CodeTask(input)
    if case .none = task { return RewardOutput(nil) }
    guard let program = CodeExtraction.program(in: input.response, settings) else {
      return RewardOutput(0, extracted: "no code")
    }
    let result: CodeResult
    switch task {
    case .none: return RewardOutput(nil)
    case .programs(let cases): result = try run.programs(program, cases)
    case .calls(let job):
      guard settings.isPython else {
        return RewardOutput(nil, extracted: "tests that call functions need Python")
      }
      result = try run.calls(program, job)
    }
    if let broken = result.broken { return RewardOutput(nil, extracted: line(broken)) }
    if result.tests == 0 { return RewardOutput(nil, extracted: "no tests") }
    let tests = result.tests ?? 1
    let hasPassed = result.failure == nil && result.passed == tests
    if hasPassed { return RewardOutput(1, extracted: "passed \(tests)") }
    let share = settings.isPartial ? Double(min(result.passed, tests)) / Double(tests) : 0
    return RewardOutput(share == 1 ? 0 : share, extracted: line(result.failure ?? "failed"))
  }

  /// What programs say is hostile: one line without control characters, within the limit of extracts. Addresses in
  /// memory (`<f.E object at 0x7f…>`) would be others in every run, and a rerun would find another score set.
  private func line(_ text: String) -> String {
    let pieces = text.split(separator: " at 0x", omittingEmptySubsequences: false)
    let steady = String(pieces[0]) + pieces.dropFirst().map { " at 0x…" + $0.drop(while: \.isHexDigit) }.joined()
    return Terminal.sanitizeLine(steady, limit: 120)
  }
}
