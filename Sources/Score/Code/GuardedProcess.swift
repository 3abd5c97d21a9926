internal import Formats
internal import Glibc

/// A child process with exactly the descriptors that it is given, no environment, default signals and a process group
/// (without a sandbox: a session) of its own. It is killed and reaped at the latest when this object goes.
final class GuardedProcess {
  private let pid: pid_t
  /// Where bubblewrap says which process holds the sandbox together.
  private let information: Intake?
  private var status: Int32?
  private var isOver = false

  /// - Parameters:
  ///   - descriptors: By the child's numbers, from 0 on.
  ///   - information: The reading end of bubblewrap's `--info-fd`.
  init(_ command: [String], descriptors: [Descriptor], information: Descriptor?) throws {
    var actions = posix_spawn_file_actions_t()
    var attributes = posix_spawnattr_t()
    posix_spawn_file_actions_init(&actions)
    posix_spawnattr_init(&attributes)
    defer {
      posix_spawn_file_actions_destroy(&actions)
      posix_spawnattr_destroy(&attributes)
    }
    for (number, descriptor) in descriptors.enumerated() {
      posix_spawn_file_actions_adddup2(&actions, descriptor.number, Int32(number))
    }
    _ = try LinuxCalls.checked(LinuxCalls.closeFrom)(&actions, Int32(descriptors.count))
    var none = sigset_t()
    var all = sigset_t()
    sigemptyset(&none)
    sigfillset(&all)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &all)
    let group = information == nil ? LinuxCalls.spawnSetsSession : Int32(POSIX_SPAWN_SETPGROUP)
    posix_spawnattr_setflags(
      &attributes, Int16(Int32(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF) | group))
    var words: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) }
    words.append(nil)
    defer { for word in words { free(word) } }
    var environment: [UnsafeMutablePointer<CChar>?] = [nil]
    var child = pid_t()
    let failure = posix_spawn(&child, command[0], &actions, &attributes, &words, &environment)
    guard failure == 0 else { throw RollbookError.system("start", command[0], errno: failure) }
    pid = child
    self.information = information.map { Intake($0, limit: 4096) }
  }

  deinit { end() }

  /// Whether the sandbox has begun to exist (always true without one).
  var hasBegun: Bool {
    information?.read()
    return information == nil || guardian != nil
  }

  /// How it ended: an exit code, 128 + signal where a signal ended it; nil while it runs.
  func code() -> Int32? {
    if status == nil {
      var found: Int32 = 0
      let result = waitpid(pid, &found, WNOHANG)
      if result == pid { status = found } else if result < 0 && errno == ECHILD { status = 0 }
    }
    return status.map { $0 & 0x7F == 0 ? $0 >> 8 & 0xFF : 128 + $0 & 0x7F }
  }

  /// Kills whatever is in the sandbox, and reaps. The kernel ends a process namespace with its first process, which is
  /// the child of the process that was started and is reaped by it; that one is killed where it does not follow in 2 s.
  func end() {
    if isOver { return }
    isOver = true
    // Without a sandbox what the child left behind is found by its session's group only.
    defer { if information == nil { kill(-pid, SIGKILL) } }
    if code() != nil { return }
    information?.read()
    if let guardian, Self.parent(of: guardian) == pid {
      kill(guardian, SIGKILL)
    } else {
      kill(-pid, SIGKILL)
    }
    for wait in 0..<2000 where code() == nil {
      if wait == 1999 { kill(-pid, SIGKILL) }
      usleep(1000)
    }
    while code() == nil { usleep(1000) }
  }

  private var guardian: pid_t? {
    guard let information, let json = try? JSON.parse(information.bytes, source: "bwrap") else {
      return nil
    }
    return json["child-pid"]?.int.flatMap { pid_t(exactly: $0) }
  }

  /// From `/proc`; the name in it may hold anything, so what follows its last bracket counts.
  private static func parent(of pid: pid_t) -> pid_t? {
    guard let file = fopen("/proc/\(pid)/stat", "r") else { return nil }
    defer { fclose(file) }
    var line = [UInt8](repeating: 0, count: 1024)
    let count = fread(&line, 1, line.count, file)
    guard let bracket = line[..<count].lastIndex(of: UInt8(ascii: ")")) else { return nil }
    let fields = line[(bracket + 1)..<count].split(separator: 0x20)
    return fields.count > 1 ? pid_t(String(decoding: fields[1], as: UTF8.self)) : nil
  }
}
