internal import Formats
internal import Foundation
internal import Glibc

/// The walls around programs: bubblewrap's namespaces and mounts, a system call filter and resource limits.
///
/// What it does and does not keep out is in docs/sandbox.md.
struct Sandbox: Sendable {
  let settings: CodeSettings
  /// nil: `--unsafe-code`.
  private let bubblewrap: String?
  /// `bubblewrap 0.8.0`, or `none`.
  let name: String
  private let canForbidNamespaces: Bool
  private let setpriv: String?
  private let prlimit: String
  /// The interpreter itself, links followed; nil with `command=`.
  let interpreter: String?

  static let folder = "/tmp/box"
  static let file = "/tmp/program"
  private static let systemFolders = ["/usr/bin", "/usr/local/bin", "/bin", "/usr/sbin", "/sbin"]

  /// Finds the programs that it needs.
  /// - Throws: `missing`, naming the package, where one is not there.
  init(_ settings: CodeSettings, isUnsafe: Bool) throws {
    self.settings = settings
    prlimit = try Self.tool("prlimit", package: "util-linux", in: ["/usr/bin", "/bin"])
    interpreter = settings.command == nil ? try Self.interpreter(settings.interpreter) : nil
    guard !isUnsafe else {
      (bubblewrap, name, canForbidNamespaces, setpriv) = (nil, "none", false, nil)
      return
    }
    guard SeccompFilter.isSupported else {
      throw RollbookError.missing(
        "code", "the sandbox has no system call filter for this processor",
        hint: "expected x86-64 or arm64")
    }
    let path =
      ProcessInfo.processInfo.environment["PATH"]?.split(separator: ":").map(String.init) ?? []
    bubblewrap = try Self.tool("bwrap", package: "bubblewrap", in: path)
    // Root's processes are free of the limit on processes, and more of the kernel is open to them.
    setpriv = geteuid() == 0 ? try Self.tool("setpriv", package: "util-linux", in: path) : nil
    let told =
      try CodeRun.output(of: [bubblewrap ?? "", "--version"]).split(separator: " ").last ?? "0"
    let parts = told.split(whereSeparator: { $0 == "." || $0 == "\n" }).compactMap { Int($0) }
    name = "bubblewrap \(parts.map(String.init).joined(separator: "."))"
    let version = (parts.first ?? 0, parts.dropFirst().first ?? 0)
    guard version >= (0, 5) else {
      throw RollbookError.missing("bwrap", "expected bubblewrap 0.5 or later, found \(name)")
    }
    canForbidNamespaces = version >= (0, 8)
  }

  private static func tool(_ name: String, package: String, in folders: [String]) throws -> String {
    for folder in folders where access("\(folder)/\(name)", X_OK) == 0 {
      return "\(folder)/\(name)"
    }
    throw RollbookError.missing(
      "code", "cannot run code: \(package) (\(name)) is not installed",
      hint:
        "install it: sudo apt-get install \(package); --unsafe-code runs code without a sandbox, "
        + "with all that you may do yourself")
  }

  private static func interpreter(_ name: String) throws -> String {
    let candidates = name.contains("/") ? [name] : systemFolders.map { "\($0)/\(name)" }
    for path in candidates where access(path, X_OK) == 0 {
      if let real = realpath(path, nil) {
        defer { free(real) }
        return String(cString: real)
      }
    }
    let package = name.hasPrefix("python") ? "python3" : name == "node" ? "nodejs" : name
    throw RollbookError.missing(
      "code",
      "no interpreter '\(name)' in \(name.contains("/") ? "that place" : systemFolders.joined(separator: ", "))",
      hint:
        "install it system-wide, e.g. sudo apt-get install \(package), or give its path: code:interpreter=/path/of/it"
    )
  }

  var isUnsafe: Bool { bubblewrap == nil }

  /// The command that runs `guest` inside.
  ///
  /// - Parameters:
  ///   - first: The number of the first of our own descriptors.
  ///   - isGuestAlone: One process that sees the interpreter and its library only; else the whole of /usr.
  ///   - hasFile: Whether the program's file is given.
  ///   - folder: Where it runs without a sandbox.
  func command(_ guest: [String], first: Int, isGuestAlone: Bool, hasFile: Bool, folder: String)
    -> [String]
  {
    let limited = limits(isGuestAlone: isGuestAlone) + guest
    guard let bubblewrap else {
      return ["/usr/bin/env", "-i", "-C", folder]
        + Self.environment.map { "\($0.0)=\($0.0 == "TMPDIR" ? "." : $0.1)" } + limited
    }
    var all = setpriv.map { [$0, "--reuid=65534", "--regid=65534", "--clear-groups"] } ?? []
    all += [
      bubblewrap, "--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-net",
      "--unshare-uts",
      "--unshare-cgroup-try", "--uid", "65534", "--gid", "65534", "--hostname", "sandbox",
      "--die-with-parent",
      "--new-session", "--as-pid-1", "--clearenv",
    ]
    if canForbidNamespaces { all.append("--disable-userns") }
    for (name, value) in Self.environment { all += ["--setenv", name, value] }
    all += mounts(isGuestAlone: isGuestAlone)
    all += ["--size", "\(settings.disk << 20)", "--tmpfs", Self.folder, "--chdir", Self.folder]
    if hasFile { all += ["--ro-bind-data", "\(first + 2)", Self.file] }
    return all + ["--remount-ro", "/", "--info-fd", "\(first)", "--seccomp", "\(first + 1)", "--"]
      + limited
  }

  private static let environment = [
    ("PATH", "/usr/local/bin:/usr/bin:/bin"), ("HOME", "/tmp"), ("TMPDIR", folder),
    ("LANG", "C.UTF-8"),
    ("PYTHONHASHSEED", "0"), ("PYTHONDONTWRITEBYTECODE", "1"), ("MALLOC_ARENA_MAX", "2"),
    ("OPENBLAS_NUM_THREADS", "1"),
    ("OMP_NUM_THREADS", "1"),
  ]

  /// Everything is read-only but the private folder; there is no /proc, no /etc but for links and the
  /// linker's cache, and of /dev four files.
  private func mounts(isGuestAlone: Bool) -> [String] {
    var all: [String] = []
    func show(_ path: String) { all += ["--ro-bind-try", path, path] }
    if isGuestAlone {
      for path in ["/usr/lib", "/usr/lib64", "/usr/local/lib", prlimit] { show(path) }
    } else {
      show("/usr")
    }
    for folder in ["/lib", "/lib64", "/bin", "/sbin"]
    where !isGuestAlone || folder.hasPrefix("/lib") {
      if let target = try? FileManager.default.destinationOfSymbolicLink(atPath: folder) {
        all += ["--symlink", target, folder]
      } else {
        show(folder)
      }
    }
    for path in ["/etc/alternatives", "/etc/ld.so.cache"] { show(path) }
    for path in settings.readable { all += ["--ro-bind", path, path] }
    if let interpreter { show(interpreter) }
    for name in ["null", "zero", "random", "urandom"] {
      all += ["--dev-bind", "/dev/\(name)", "/dev/\(name)"]
    }
    return all
  }

  /// Hard limits, which nobody inside can raise. A program that reserves more address space than it uses (V8, a JVM) is
  /// held by its data instead.
  private func limits(isGuestAlone: Bool) -> [String] {
    let memory = settings.memory << 20
    let disk = settings.disk << 20
    // Outside of a sandbox all processes of the user would count.
    let more =
      (isGuestAlone ? ["--as=\(memory):\(memory)"] : [])
      + (isUnsafe ? [] : ["--nproc=\(settings.processes):\(settings.processes)"])
    return [
      prlimit, "--cpu=\(Int(settings.cpu) + 1):\(Int(settings.cpu) + 1)",
      "--data=\(memory):\(memory)",
      "--fsize=\(disk):\(disk)", "--nofile=128:128", "--core=0:0",
      "--stack=\(16 << 20):\(16 << 20)", "--memlock=0:0", "--msgqueue=0:0",
    ] + more + ["--"]
  }
}
