package import Formats
import Foundation

/// The numbers of a run over its steps: `metrics.jsonl`, one line per (step, stage), and the same scalars in a
/// TensorBoard event file beside it.
///
/// A stage that runs again replaces its line or, with the same numbers, leaves it. `metrics.jsonl` is the truth; the
/// event file is rebuilt from it whenever it does not hold as many events. Several processes may record at once.
package struct Metrics {
  /// One line: `{"step":3,"stage":"train","time":"2026-11-21T09:55:00.123Z","loss":0.25,…}`.
  package struct Line: Equatable, Sendable {
    package var step: Int
    package var stage: String
    /// Seconds since 1970.
    package var time: Double
    /// Names and values in the order given; NaN stands for "not a finite number", which JSON writes as null.
    package var values: [Value]

    package struct Value: Equatable, Sendable {
      package var name: String
      package var value: Double
    }

    package subscript(name: String) -> Double? { values.first { $0.name == name }?.value }
  }

  private let folder: String
  private var path: String { folder + "/metrics.jsonl" }

  /// The metrics of a buffer.
  package init(_ buffer: Buffer) { self.init(folder: buffer.metrics) }

  /// The metrics of a folder (made when first recorded).
  package init(folder: String) { self.folder = folder }

  /// Every line that can be read, in the order of the file; a line torn by a crash is passed over.
  package func lines() throws -> [Line] {
    guard let bytes = try Disk.contents(path) else { return [] }
    return Self.split(bytes).compactMap { Self.parse($0) }
  }

  /// Records the numbers of a step and stage, on the disk when this returns.
  ///
  /// - Parameters:
  ///   - stage: `generate`, `score:SET`, `train`: with the name, the tag in TensorBoard (`train/loss`).
  ///   - values: Names (not `step`, `stage`, `time`) and values, in the order to be written.
  /// - Returns: Whether anything was written: not when this step and stage already has these numbers.
  @discardableResult
  package func record(
    step: Int, stage: String, _ values: [(String, Double)], time: Double = Timestamp.now
  ) throws -> Bool {
    let new = Line(step: step, stage: stage, time: time, values: values.map { .init(name: $0.0, value: $0.1) })
    try Disk.makeFolder(folder)
    let lock = try StagingLock(path: folder + "/.lock", wait: true)
    defer { lock.release() }
    return try store(new)
  }

  /// The body of `record`, under the lock.
  private func store(_ new: Line) throws -> Bool {
    let bytes = try Disk.contents(path) ?? []
    var raw = Self.split(bytes)
    let torn = bytes.last.map { $0 != 0x0A } ?? false
    if torn, let last = raw.last, Self.parse(last) == nil { raw.removeLast() }
    let encoded = try Self.encode(new)
    var parsed = raw.map { Self.parse($0) }
    guard let place = parsed.lastIndex(where: { $0?.step == new.step && $0?.stage == new.stage }) else {
      parsed.append(new)
      if torn {
        try Disk.replace(path, with: Self.joined(raw + [encoded]))
      } else {
        try Disk.append(encoded + [0x0A], to: path, after: bytes.count)
      }
      try synchroniseEvents(parsed.compactMap(\.self), changed: false)
      return true
    }
    let same = try parsed[place].map { try Self.encode($0, time: 0) } == Self.encode(new, time: 0)
    if !same {
      raw[place] = encoded
      parsed[place] = new
      try Disk.replace(path, with: Self.joined(raw))
    }
    try synchroniseEvents(parsed.compactMap(\.self), changed: !same)
    return !same
  }
}

extension Metrics {
  /// Brings the event file up to the lines: appends the missing ones, or writes it anew if one changed or it is torn.
  private func synchroniseEvents(_ lines: [Line], changed: Bool) throws {
    let prefix = "events.out.tfevents."
    let names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
    let name = names.first { $0.hasPrefix(prefix) && $0.hasSuffix(".rollbook") }
    if let name, !changed, let bytes = try Disk.contents("\(folder)/\(name)") {
      let (count, end) = EventFile.frames(bytes)
      if end == bytes.count, count >= 1, count - 1 <= lines.count {
        let missing = lines[(count - 1)...].flatMap { Self.event($0) }
        if !missing.isEmpty { try Disk.append(missing, to: "\(folder)/\(name)", after: end) }
        return
      }
    }
    let start = lines.first?.time ?? Timestamp.now
    let path = "\(folder)/\(name ?? "\(prefix)\(Int(start)).\(Provenance.host).rollbook")"
    try Disk.replace(path, with: EventFile.header(wallTime: start) + lines.flatMap { Self.event($0) })
  }

  private static func event(_ line: Line) -> [UInt8] {
    EventFile.scalars(
      wallTime: line.time, step: line.step, line.values.map { (tag: "\(line.stage)/\($0.name)", value: $0.value) })
  }

  /// The lines of a file, empty ones left out.
  private static func split(_ bytes: [UInt8]) -> [[UInt8]] {
    bytes.split(separator: 0x0A).map { Array($0) }
  }

  private static func joined(_ lines: [[UInt8]]) -> [UInt8] {
    lines.flatMap { $0 + [0x0A] }
  }

  private static func encode(_ line: Line, time: Double? = nil) throws -> [UInt8] {
    var object = JSONObject([
      ("step", .int(line.step)), ("stage", .string(line.stage)), ("time", .string(Timestamp.text(time ?? line.time))),
    ])
    for item in line.values {
      precondition(!["step", "stage", "time"].contains(item.name), "a metric cannot be called \(item.name)")
      object[item.name] = .finite(item.value)
    }
    return try JSON.object(object).bytes()
  }

  /// The line's contents; nil for anything that is not one.
  private static func parse(_ bytes: [UInt8]) -> Line? {
    guard let object = (try? JSON.parse(bytes))?.object, let step = object["step"]?.int,
      let stage = object["stage"]?.string
    else { return nil }
    let time = object["time"]?.string.flatMap { Timestamp.seconds($0) } ?? 0
    let values = object.members.compactMap { member -> Line.Value? in
      guard !["step", "stage", "time"].contains(member.key) else { return nil }
      if member.value.isNull { return .init(name: member.key, value: .nan) }
      return member.value.double.map { .init(name: member.key, value: $0) }
    }
    return Line(step: step, stage: stage, time: time, values: values)
  }
}

extension JSON {
  /// A number, or null where JSON has no word for it (none, NaN, infinities).
  package static func finite(_ value: Double?) -> JSON {
    guard let value, value.isFinite else { return .null }
    return .double(value)
  }
}
