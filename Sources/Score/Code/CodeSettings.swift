internal import Rewards

/// The settings of the `code` reward.
struct CodeSettings: Sendable {
  enum Source: String, CaseIterable, Sendable { case fence, tag, text }
  enum Comparison: String, CaseIterable, Sendable { case lines, exact, tokens }

  /// A name that is looked up in the system's folders, or a path.
  var interpreter = "python3"
  /// What runs the program instead, by the shell; `{file}` is the program's file.
  var command: String?
  /// The languages of code blocks that count, besides none.
  var languages: [String] = []
  var source = Source.fence
  var comparison = Comparison.lines
  var isPartial = false
  /// Wall-clock seconds of a response's asserts, or of each of its input/output tests.
  var timeout = 5.0
  /// Processor seconds of each process.
  var cpu = 5.0
  /// Megabytes (2^20) of memory of each process.
  var memory = 512
  /// Processes and threads.
  var processes = 32
  /// Kilobytes (2^10) of output, and of each value that a function returns.
  var output = 1024
  /// Megabytes of the private folder, and of each file.
  var disk = 64
  /// More folders that programs may read.
  var readable: [String] = []

  /// Whether functions can be called: by our own harness, in Python.
  var isPython: Bool { command == nil && baseName.hasPrefix("python") }
  var baseName: String { interpreter.split(separator: "/").last.map(String.init) ?? interpreter }

  static let keys: [(key: String, explanation: String)] = [
    ("interpreter", "python3, node, bash, … or a path"),
    ("command", "a shell command with {file} instead"),
    ("language", "code blocks that count, LANGUAGE|LANGUAGE"), ("from", "fence, tag or text"),
    ("compare", "lines, exact or tokens of the output"),
    ("partial", "true: the share of tests, false: all or nothing"),
    ("timeout", "wall-clock seconds"), ("cpu", "processor seconds"), ("memory", "MB per process"),
    ("processes", "processes and threads"), ("output", "KB"), ("disk", "MB"),
    ("read", "more folders, DIR:DIR"),
  ]

  init(_ options: RewardOptions) throws {
    interpreter = options["interpreter"] ?? interpreter
    command = options["command"]
    guard !interpreter.isEmpty, !interpreter.utf8.contains(0), command != "",
      command?.utf8.contains(0) != true
    else {
      throw RewardError("code: interpreter and command need a text")
    }
    guard command == nil || options["interpreter"] == nil else {
      throw RewardError("code: expected interpreter= or command=, found both")
    }
    source = try options.choice("from", default: .fence)
    comparison = try options.choice("compare", default: .lines)
    switch options["partial"] {
    case nil, "false": break
    case "true": isPartial = true
    case let text?: throw RewardError("code: partial=\(text): expected true or false")
    }
    timeout = try Self.number(options, "timeout", timeout, 0.1...3600)
    cpu = try Self.number(options, "cpu", timeout.rounded(.up), 1...3600).rounded(.up)
    memory = Int(try Self.number(options, "memory", 512, 32...1_048_576))
    processes = Int(try Self.number(options, "processes", 32, 1...4096))
    output = Int(try Self.number(options, "output", 1024, 1...65_536))
    disk = Int(try Self.number(options, "disk", 64, 1...65_536))
    readable = (options["read"] ?? "").split(separator: ":").map(String.init)
    guard readable.allSatisfy({ $0.hasPrefix("/") && $0 != "/" && !$0.utf8.contains(0) }) else {
      throw RewardError(
        "code: read=\(options["read"] ?? ""): expected absolute paths of folders, not /")
    }
    languages = (options["language"] ?? "").lowercased().split(separator: "|").map(String.init)
    if languages.isEmpty { languages = Self.languages(of: command == nil ? baseName : "") }
  }

  /// Settings that decide a value.
  var parameters: [(name: String, value: String)] {
    [
      ("from", source.rawValue), ("language", languages.joined(separator: "|")),
      ("compare", comparison.rawValue),
      ("partial", "\(isPartial)"), ("timeout", "\(timeout)"), ("cpu", "\(Int(cpu))"),
      ("memory", "\(memory)"),
      ("processes", "\(processes)"), ("output", "\(output)"), ("disk", "\(disk)"),
      ("read", readable.joined(separator: ":")), ("harness", "\(CodeHarness.version)"),
    ]
  }

  private static func languages(of interpreter: String) -> [String] {
    if interpreter.hasPrefix("python") { return ["python", "py", "python3"] }
    switch interpreter {
    case "node", "nodejs": return ["javascript", "js", "node"]
    case "bash", "sh", "dash": return ["bash", "sh", "shell"]
    case "ruby": return ["ruby", "rb"]
    case "perl": return ["perl", "pl"]
    case "": return ["*"]
    default: return [interpreter]
    }
  }

  private static func number(
    _ options: RewardOptions, _ key: String, _ value: Double, _ range: ClosedRange<Double>
  ) throws -> Double {
    guard let number = try options.number(key) else { return value }
    guard range.contains(number) else {
      throw RewardError(
        "code: \(key)=\(options[key] ?? ""): expected \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }
}
