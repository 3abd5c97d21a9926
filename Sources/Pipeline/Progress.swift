#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// How far a stage is: a bar with rate and ETA on a terminal; otherwise one timestamped `key=value` line at most every
/// 30 s, and a last one at the end.
///
///     var progress = Progress("generate", options, total: 64, unit: "rollouts")
///     for … { …; progress.update(done, [("tok/s", Format.brief(rate))]) }
///     progress.finish()
package struct Progress {
  package enum Style: Sendable { case silent, lines, bar }

  /// Where progress goes and what time it is: the process's own, or a test's.
  package struct Surroundings {
    package var steady: () -> Double = { Timestamp.steady }
    package var now: () -> Double = { Timestamp.now }
    package var columns: () -> Int = { Terminal.columns(STDERR_FILENO) }
    package var colours: Bool = Terminal.colours(STDERR_FILENO)
    package var unicode: Bool = Terminal.showsUTF8
    package var write: (String) -> Void = { Output.note($0, terminator: "") }
    package init() {}
  }

  /// Seconds between two lines where there is no terminal.
  package static let lineInterval = 30.0
  /// Seconds between two drawings of the bar.
  static let barInterval = 0.1

  let stage: String
  let step: Int?
  let unit: String
  let total: Int?
  let style: Style
  let surroundings: Surroundings
  private let start: Double
  private let initial: Int
  private var last: Double
  private var done: Int
  private var fields: [(String, String)] = []
  private var drawn = false
  private var finished = false

  /// Progress on standard error, in the style that fits it; silent with `--quiet`.
  ///
  /// - Parameters:
  ///   - total: What `done` will be at the end; nil when nobody knows.
  ///   - done: What an earlier, interrupted run had done: it counts as done but not for the rate.
  package init(_ stage: String, _ options: StageOptions, total: Int?, unit: String, done: Int = 0) {
    let style: Style = options.quiet ? .silent : Terminal.standardErrorIsTerminal ? .bar : .lines
    self.init(stage, step: options.step, total: total, unit: unit, done: done, style: style)
  }

  /// Progress in a given style and surroundings.
  package init(
    _ stage: String, step: Int?, total: Int?, unit: String, done: Int = 0, style: Style,
    surroundings: Surroundings = Surroundings()
  ) {
    self.stage = stage
    self.step = step
    self.total = total
    self.unit = unit
    self.style = style
    self.surroundings = surroundings
    self.done = done
    initial = done
    start = surroundings.steady()
    last = style == .bar ? -.infinity : start
  }

  /// Tells how much is done by now, with further values to show. Cheap: call it after every batch.
  package mutating func update(_ done: Int, _ fields: [(String, String)] = []) {
    self.done = done
    self.fields = fields
    let now = surroundings.steady()
    switch style {
    case .silent: return
    case .lines:
      guard now - last >= Self.lineInterval else { return }
      surroundings.write(line(now, state: "running"))
    case .bar:
      guard now - last >= Self.barInterval else { return }
      draw(now)
    }
    last = now
  }

  /// The last line or the full bar. Once; more calls do nothing.
  package mutating func finish(_ fields: [(String, String)]? = nil) {
    guard !finished else { return }
    finished = true
    if let fields { self.fields = fields }
    let now = surroundings.steady()
    switch style {
    case .silent: return
    case .lines: surroundings.write(line(now, state: total.map { done < $0 } ?? false ? "stopped" : "done"))
    case .bar:
      draw(now)
      surroundings.write("\n")
      drawn = false
    }
  }

  /// A line for people that does not break the bar.
  package mutating func note(_ text: String) {
    guard style != .silent else { return }
    if drawn { surroundings.write("\r\u{1B}[K") }
    surroundings.write(Terminal.sanitize(text) + "\n")
    if style == .bar && !finished { draw(surroundings.steady()) }
  }
}

extension Progress {
  /// Units a second since this run began; nil before anything was done.
  private func rate(_ now: Double) -> Double? {
    let elapsed = now - start
    return elapsed > 0 && done > initial ? Double(done - initial) / elapsed : nil
  }

  /// Seconds to the end at the rate so far.
  private func remaining(_ now: Double) -> Double? {
    guard let total, let rate = rate(now) else { return nil }
    return Double(max(0, total - done)) / rate
  }

  /// `2026-11-21T09:55:00Z stage=generate step=3 state=running done=37 total=64 unit=rollouts rate=1.2 eta=22 …`
  private func line(_ now: Double, state: String) -> String {
    var pairs = [("stage", stage)]
    if let step { pairs.append(("step", String(step))) }
    pairs += [("state", state), ("done", String(done))]
    if let total { pairs.append(("total", String(total))) }
    pairs.append(("unit", unit))
    if let rate = rate(now) { pairs.append(("rate", Format.brief(rate))) }
    if let seconds = remaining(now), state == "running" { pairs.append(("eta", Format.decimal(seconds, 0))) }
    pairs.append(("elapsed", Format.decimal(now - start, 1)))
    pairs += fields
    let text = pairs.map { "\(Self.quoted($0.0))=\(Self.quoted($0.1))" }.joined(separator: " ")
    return "\(Timestamp.text(surroundings.now(), fraction: false)) \(text)\n"
  }

  /// A key or value of a line: quoted when it holds a space, a quote or `=`.
  private static func quoted(_ text: String) -> String {
    let clean = Terminal.sanitizeLine(text)
    let needs = clean.isEmpty || clean.utf8.contains { $0 <= 0x20 || $0 == 0x22 || $0 == 0x3D || $0 == 0x5C }
    guard needs else { return clean }
    return "\"" + clean.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
  }

  /// `generate 3  ━━━━━━━━╸──────  37/64 rollouts  58%  1.2/s  ETA 0:22`, cut to the terminal's width.
  private mutating func draw(_ now: Double) {
    var tail = total.map { "\(done)/\($0) \(unit)" } ?? "\(done) \(unit)"
    if let total, total > 0 { tail += "  \(min(100, done * 100 / total))%" }
    if let rate = rate(now) { tail += "  \(Format.brief(rate))/s" }
    if done == total || finished {
      tail += "  \(Format.duration(now - start))"
    } else if let seconds = remaining(now) {
      tail += "  ETA \(Format.duration(seconds))"
    }
    for (name, value) in fields { tail += "  \(name) \(value)" }
    let head = step.map { "\(stage) \($0)" } ?? stage
    let columns = surroundings.columns() - 1  // the last column would wrap on some terminals
    let room = columns - Terminal.width(of: head) - Terminal.width(of: tail) - 4
    let bar = total != nil && room >= 5 ? bar(min(room, 30)) + "  " : ""
    let text = Terminal.sanitizeLine("\(head)  \(tail)", limit: max(10, columns))
    let shown = bar.isEmpty ? text : "\(head)  \(bar)\(tail)"
    surroundings.write("\r\(shown)\u{1B}[K")
    drawn = true
  }

  /// The bar itself, `width` columns.
  private func bar(_ width: Int) -> String {
    let share = total.map { $0 > 0 ? min(1, max(0, Double(done) / Double($0))) : 1 } ?? 0
    let full = Int(share * Double(width))
    let (mark, rest) = surroundings.unicode ? ("━", "─") : ("#", "-")
    let head = String(repeating: mark, count: full)
    let tail = String(repeating: rest, count: width - full)
    return surroundings.colours ? "\u{1B}[32m\(head)\u{1B}[0m\u{1B}[2m\(tail)\u{1B}[0m" : head + tail
  }
}
