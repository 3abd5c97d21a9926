internal import Pipeline
internal import Rewards

/// The rows that some workers share, and what became of them.
final class RowQueue: Sendable {
  struct Row: Sendable {
    let index: Int
    let id: String
    let request: [UInt8]
    /// How often a program ended while it had this row alone.
    var attempts = 0
  }

  private struct State {
    var next = 0
    var answers: [RewardOutput?]
    var isStopped = false
  }

  let count: Int
  private let request: @Sendable (Int) throws -> Row
  private let state: Shared<State>

  init(count: Int, request: @escaping @Sendable (Int) throws -> Row) {
    self.count = count
    self.request = request
    state = Shared(State(answers: Array(repeating: nil, count: count)))
  }

  /// The next row that nobody has, nil when there is none or work has stopped.
  func take() throws -> Row? {
    let index = state.change { state -> Int? in
      guard !state.isStopped, state.next < count else { return nil }
      state.next += 1
      return state.next - 1
    }
    return try index.map(request)
  }

  func record(_ output: RewardOutput, _ row: Row) { state.change { $0.answers[row.index] = output } }

  /// Tells all workers to end.
  func stop() { state.change { $0.isStopped = true } }
  var isStopped: Bool { state.change { $0.isStopped } || Interrupt.requested }

  var answers: [RewardOutput] { state.change { $0.answers.map { $0 ?? RewardOutput(nil) } } }
}
