package import Formats
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The number of the first signal that asked us to stop, or 0. Touched by `Interrupt.install` before any handler can
/// run, so that the handler never meets the global's lazy initialisation.
private let firstSignal = Atomic<Int32>(0)

/// Orderly stopping: SIGINT, SIGTERM, SIGUSR1 and SIGUSR2 set a flag that the stage reads between batches; a second
/// signal leaves at once with exit code 75 (`_exit`: nothing is flushed or published).
///
/// The handler only exchanges an atomic and may call `_exit`, both async-signal-safe (POSIX.1-2017 §2.4.3).
package enum Interrupt {
  /// The signals that mean "finish the batch, publish what is complete, exit 75": a terminal's ^C, a scheduler's
  /// TERM, and the two that Slurm's `--signal` and preemption send.
  static let signals: [Int32] = [SIGINT, SIGTERM, SIGUSR1, SIGUSR2]

  /// Ignores SIGPIPE, so that a closed pipe is an error from `write`.
  package static func ignoreClosedPipes() { signal(SIGPIPE, SIG_IGN) }

  /// Installs the handlers, which run on a thread of their own that does nothing else. Call it first: threads that are
  /// made later inherit that these signals do not reach them.
  ///
  /// A thread that computes must not run a handler. The machine code that oneDNN 2.6 generates uses the stack pointer
  /// as a register, and the kernel writes a handler's frame to where that points, into live data: with a handler that
  /// did nothing, called 2,000 times a second, 8 of 8 training steps ended in a corrupt heap; none did where the frame
  /// went elsewhere.
  ///
  /// Interrupted system calls are restarted. The signals are unblocked on the thread of the handlers because some
  /// launchers start their children with them blocked.
  package static func install() {
    _ = firstSignal.load(ordering: .relaxed)
    var ours = sigset_t()
    sigemptyset(&ours)
    for number in signals {
      sigaddset(&ours, number)
      var action = sigaction()
      sigemptyset(&action.sa_mask)
      action.sa_flags = Int32(SA_RESTART)
      action.__sigaction_handler.sa_handler = { number in
        let (exchanged, _) = firstSignal.compareExchange(expected: 0, desired: number, ordering: .relaxed)
        if !exchanged { _exit(RollbookError.Code.interrupted.rawValue) }
      }
      sigaction(number, &action, nil)
    }
    pthread_sigmask(SIG_UNBLOCK, &ours, nil)
    var listener = pthread_t()
    let failed = pthread_create(&listener, nil, { _ in while true { pause() } }, nil)
    if failed == 0 { pthread_sigmask(SIG_BLOCK, &ours, nil) }
  }

  /// Whether somebody asked for the stage to stop. Cheap enough to be read for every token.
  package static var requested: Bool { firstSignal.load(ordering: .relaxed) != 0 }

  /// The name of the signal that asked, nil when nobody did.
  package static var name: String? {
    switch firstSignal.load(ordering: .relaxed) {
    case 0: nil
    case SIGINT: "SIGINT"
    case SIGTERM: "SIGTERM"
    case SIGUSR1: "SIGUSR1"
    case SIGUSR2: "SIGUSR2"
    case let number: "signal \(number)"
    }
  }

  /// The error (exit 75) with which a stage ends after it has published what was complete.
  ///
  /// - Parameter progress: What is safe by now, as a sentence: "37 of 64 rollouts are kept".
  package static func error(_ progress: String) -> RollbookError {
    RollbookError(
      .interrupted, "stopped by \(name ?? "a request"): \(progress)", hint: "run the same command again to resume")
  }

  /// Forgets a request. For tests.
  package static func reset() { firstSignal.store(0, ordering: .relaxed) }
}
