internal import CKernels
internal import Glibc
internal import Synchronization

#if HAVE_ONEDNN
  internal import COneDNN
#endif

/// The only threads of the process: a fixed team that runs the parts of one loop at a time.
///
/// oneDNN and OpenBLAS are held to one thread each and called from inside of a part, so how work is split is decided
/// here alone. The calling thread is thread 0. A team member spins for some microseconds before it sleeps, because
/// decoding one token has hundreds of short loops.
package final class ThreadPool: @unchecked Sendable {
  package let count: Int
  private let team: Team

  /// - Parameter threads: at least 1, the calling thread included.
  package init(threads: Int) {
    precondition(threads >= 1)
    count = threads
    team = Team()
    useOneThreadPerLibraryCall()
    for thread in 1..<max(threads, 1) { team.start(thread) }
  }

  deinit { team.stop() }

  /// Calls `body(part, thread)` for every part in 0..<parts, each once, and returns when all are done.
  ///
  /// Which thread takes which part is left to chance: a part must write nothing that another one reads or writes,
  /// or use `thread` only to pick scratch memory.
  package func run(parts: Int, _ body: (_ part: Int, _ thread: Int) -> Void) {
    if parts <= 0 { return }
    if count == 1 || parts == 1 {
      for part in 0..<parts { body(part, 0) }
      return
    }
    withoutActuallyEscaping(body) { team.run(parts: parts, members: count - 1, $0) }
  }

  /// Splits 0..<total into one contiguous range per thread, a function of the sizes only, and runs them.
  package func split(_ total: Int, grain: Int = 1, _ body: (_ range: Range<Int>, _ thread: Int) -> Void) {
    let units = (total + grain - 1) / grain
    let parts = min(count, units)
    run(parts: parts) { part, thread in
      let low = units * part / parts * grain
      body(low..<min(total, units * (part + 1) / parts * grain), thread)
    }
  }
}

/// What the threads share. `generation` counts loops; a member that sees a new one works, then reports in `working`.
private final class Team: @unchecked Sendable {
  private let generation = Atomic<Int>(0)
  private let next = Atomic<Int>(0)
  private let working = Atomic<Int>(0)
  private let sleepers = Atomic<Int>(0)
  private let stopping = Atomic<Bool>(false)
  private var parts = 0
  private var body: ((Int, Int) -> Void)?
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let wake = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private var threads: [pthread_t] = []
  private static let spins = 4000

  init() {
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(wake, nil)
  }

  func start(_ thread: Int) {
    final class Start {
      let team: Team, thread: Int
      init(_ team: Team, _ thread: Int) { (self.team, self.thread) = (team, thread) }
    }
    var id = pthread_t()
    let argument = Unmanaged.passRetained(Start(self, thread)).toOpaque()
    let failed = pthread_create(&id, nil, { pointer in
      let start = Unmanaged<Start>.fromOpaque(pointer!).takeRetainedValue()
      useOneThreadPerLibraryCall()
      start.team.serve(start.thread)
      return nil
    }, argument)
    precondition(failed == 0, "the system refused a thread")
    threads.append(id)
  }

  func run(parts: Int, members: Int, _ body: @escaping (Int, Int) -> Void) {
    self.parts = parts
    self.body = body
    next.store(0, ordering: .relaxed)
    working.store(members, ordering: .relaxed)
    generation.add(1, ordering: .sequentiallyConsistent)
    if sleepers.load(ordering: .sequentiallyConsistent) > 0 {
      pthread_mutex_lock(mutex)
      pthread_cond_broadcast(wake)
      pthread_mutex_unlock(mutex)
    }
    work(0)
    var spun = 0
    while working.load(ordering: .acquiring) > 0 {
      spun += 1
      if spun > Self.spins { sched_yield() } else { ck_pause() }
    }
    self.body = nil
  }

  private func work(_ thread: Int) {
    while true {
      let part = next.add(1, ordering: .relaxed).oldValue
      if part >= parts { return }
      body!(part, thread)
    }
  }

  private func serve(_ thread: Int) {
    var seen = 0
    while true {
      var spun = 0
      while generation.load(ordering: .acquiring) == seen {
        spun += 1
        if spun > Self.spins { sleep(after: seen) } else { ck_pause() }
      }
      seen += 1
      if stopping.load(ordering: .relaxed) { return }
      work(thread)
      working.subtract(1, ordering: .releasing)
    }
  }

  private func sleep(after seen: Int) {
    pthread_mutex_lock(mutex)
    sleepers.add(1, ordering: .sequentiallyConsistent)
    while generation.load(ordering: .sequentiallyConsistent) == seen { pthread_cond_wait(wake, mutex) }
    sleepers.subtract(1, ordering: .relaxed)
    pthread_mutex_unlock(mutex)
  }

  func stop() {
    stopping.store(true, ordering: .relaxed)
    generation.add(1, ordering: .sequentiallyConsistent)
    pthread_mutex_lock(mutex)
    pthread_cond_broadcast(wake)
    pthread_mutex_unlock(mutex)
    for thread in threads { pthread_join(thread, nil) }
    pthread_mutex_destroy(mutex)
    pthread_cond_destroy(wake)
    mutex.deallocate()
    wake.deallocate()
  }
}

private func useOneThreadPerLibraryCall() {
  #if HAVE_ONEDNN
    omp_set_num_threads(1)
  #endif
  holdOpenBLASToOneThread()
}
