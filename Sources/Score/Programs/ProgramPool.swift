internal import Formats
internal import Foundation
internal import Pipeline
internal import Rewards

/// How a program is run.
struct ProgramSettings: Sendable {
  var title: String
  var executable: String
  var arguments: [String]
  var workers = 1
  /// The most rows that one process has been asked and has not answered.
  var window = 16
  /// Seconds without an answer after which a row counts as lost.
  var timeout = 60.0
  /// Seconds more until the first answer of a process.
  var startup = 60.0
  var onError = FailureRule.error
  /// A process remembers rows: it must see each once, in order, and cannot be replaced.
  var isStateful = false
  var quiet = false
}

/// The processes of one reward. They start when there is work and end with this object.
final class ProgramPool: Sendable {
  let settings: ProgramSettings
  private let slots: Shared<[ProgramWorker?]>
  private let errorLines = Shared(ErrorRelay.mostLines)
  /// Rows answered, and rows given up, since the start.
  private let tally = Shared((answered: 0, lost: 0))

  init(_ settings: ProgramSettings) {
    self.settings = settings
    slots = Shared(Array(repeating: nil, count: settings.workers))
  }

  /// One answer for each row, in order.
  /// - Throws: `badInput` for answers that are none, `io` for a program that ends or hangs, `interrupted`.
  func score(_ queue: RowQueue) throws -> [RewardOutput] {
    guard queue.count > 0 else { return [] }
    let workers = min(settings.workers, queue.count)
    do {
      try concurrently(workers, workers: workers) { _, place in
        do { try self.worker(place).run(queue) } catch {
          queue.stop()
          throw error
        }
      }
    } catch {
      if Interrupt.requested { throw Interrupt.error("what was stored of the scores is kept") }
      throw error
    }
    if Interrupt.requested { throw Interrupt.error("what was stored of the scores is kept") }
    return queue.answers
  }

  private func worker(_ place: Int) -> ProgramWorker {
    slots.change { slots in
      if let worker = slots[place] { return worker }
      let relay = ErrorRelay(name: settings.title, quiet: settings.quiet, left: errorLines)
      let worker = ProgramWorker(settings, number: place, relay: relay, tally: tally)
      slots[place] = worker
      return worker
    }
  }

  deinit {
    let workers = slots.change { slots in
      defer { slots = [] }
      return slots.compactMap(\.self)
    }
    for worker in workers { worker.close() }
  }
}
