internal import Foundation

/// Does `count` pieces of work on several threads, each piece once, in no order. The threads may wait (for a process, for
/// a server): there can be more of them than cores.
///
/// - Parameter body: Gets the number of the piece, and that of the worker (0 and up) that does it.
/// - Throws: The first error; no new piece is begun after it.
func concurrently(_ count: Int, workers: Int, _ body: @escaping @Sendable (Int, Int) throws -> Void) throws {
  let state = Shared((next: 0, failure: nil as (any Error)?))
  let work: @Sendable (Int) -> Void = { worker in
    while true {
      let piece = state.change { state -> Int? in
        guard state.failure == nil, state.next < count else { return nil }
        state.next += 1
        return state.next - 1
      }
      guard let piece else { return }
      do { try body(piece, worker) } catch { state.change { $0.failure = $0.failure ?? error } }
    }
  }
  let group = DispatchGroup()
  for worker in 1..<max(1, min(workers, count)) {
    group.enter()
    Thread.detachNewThread {
      work(worker)
      group.leave()
    }
  }
  work(0)
  group.wait()
  if let failure = state.change({ $0.failure }) { throw failure }
}
