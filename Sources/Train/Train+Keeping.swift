internal import ArgumentParser
internal import Formats
internal import Foundation
internal import Pipeline

/// Which checkpoints stay once a new one is published; what any of the rules keeps stays.
struct KeepOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Remove checkpoints once the new one is published, but this many newest (default: keep all).", valueName: "n"))
  var keepLast: Int?
  @Option(help: ArgumentHelp("Remove them, but those whose step is a multiple of this.", valueName: "n"))
  var keepEvery: Int?
  @Option(
    help: ArgumentHelp(
      "Remove them, but the one whose rollouts had the highest, or lowest, value of a metric.",
      discussion: "Such as reward_mean, or loss:min. The step that trains on a checkpoint's rollouts measures it.",
      valueName: "metric[:min|max]"))
  var keepBest: String?

  mutating func validate() throws {
    if let keepLast, keepLast < 1 { throw ValidationError("--keep-last \(keepLast): expected 1 or more") }
    if let keepEvery, keepEvery < 1 { throw ValidationError("--keep-every \(keepEvery): expected 1 or more") }
    if let keepBest, best == nil {
      throw ValidationError("--keep-best \(keepBest): expected a metric, or one with :min or :max")
    }
  }

  var isEmpty: Bool { keepLast == nil && keepEvery == nil && keepBest == nil }

  /// The metric, and whether its lowest value is the best.
  var best: (metric: String, isLowest: Bool)? {
    guard let keepBest else { return nil }
    let parts = keepBest.split(separator: ":", omittingEmptySubsequences: false)
    guard (1...2).contains(parts.count), !parts[0].isEmpty, parts.count == 1 || ["min", "max"].contains(parts[1]) else {
      return nil
    }
    return (String(parts[0]), parts.last == "min" && parts.count == 2)
  }

  /// The steps that the rules themselves keep, of those there are.
  /// - Parameter values: of the metric, by step.
  func kept(of steps: [Int], values: [Int: Double]) -> Set<Int> {
    var kept = Set(steps.sorted().suffix(keepLast ?? 1))
    if let keepEvery { kept.formUnion(steps.filter { $0 % keepEvery == 0 }) }
    if let best {
      let found = steps.compactMap { step in values[step].map { (step: step, value: best.isLowest ? -$0 : $0) } }
      // Of equal ones the later has learned more.
      if let first = found.max(by: { ($0.value, $0.step) < ($1.value, $1.step) }) { kept.insert(first.step) }
    }
    return kept
  }
}

extension Train {
  /// Older checkpoints go, the oldest first, each by a rename into staging before it is deleted.
  func prune(_ buffer: Buffer) throws {
    guard !keeping.isEmpty else { return }
    let manifests = try buffer.manifests(.checkpoint)
    let steps = manifests.map(\.step).sorted()
    var values: [Int: Double] = [:]
    if let best = keeping.best {
      for update in try buffer.manifests(.updates) { values[update.step] = update.summary[best.metric] }
      guard !values.isEmpty else {
        return stage.note("note: --keep-best: no step has a metric '\(best.metric)'; no checkpoint is removed")
      }
    }
    var kept = keeping.kept(of: steps, values: values)
    kept.formUnion(try needed(buffer, manifests, kept: kept))
    for step in steps where !kept.contains(step) {
      let doomed = buffer.stagingPath("removed-\(Buffer.stepName(step))")
      try? FileManager.default.removeItem(atPath: doomed)
      guard rename(buffer.checkpointFolder(step: step), doomed) == 0 else { continue }
      try? FileManager.default.removeItem(atPath: doomed)
    }
  }

  /// The checkpoints that others are made of or that unfinished work goes on with: what --reference names, the model of
  /// an adapter that stays, and what staged rollouts are sampled from.
  private func needed(_ buffer: Buffer, _ manifests: [Manifest], kept: Set<Int>) throws -> Set<Int> {
    var needed = Set<Int>()
    let steps = Dictionary(manifests.map { (buffer.relative(buffer.path(of: $0)), $0.step) }) { $1 }
    func step(of path: String) -> Int? { steps[path.hasSuffix("/ema") ? String(path.dropLast(4)) : path] }
    if let reference, reference == "start" {
      let newest = try manifests.last.map { try Checkpoint.open(buffer.path(of: $0)).trainerState() } ?? nil
      if let name = newest?["start"]?["name"]?.string, let step = step(of: name) { needed.insert(step) }
    } else if let reference, reference != "base",
      let step = try? ModelReference.find(reference, in: buffer, upTo: stage.step).step
    {
      needed.insert(step)
    }
    let names = (try? FileManager.default.contentsOfDirectory(atPath: buffer.staging)) ?? []
    // Locks stay behind; whether one is held cannot be asked without being in the way of a stage that begins.
    for name in names where name.hasPrefix("rollouts-step-") && !name.hasSuffix(".lock") {
      guard let staged = Int(name.dropFirst("rollouts-step-".count).prefix { $0.isNumber }),
        let source = manifests.last(where: { $0.step <= staged })
      else { continue }
      needed.insert(source.step)
    }
    for manifest in manifests where kept.union(needed).contains(manifest.step) {
      if let base = manifest.inputs.first(where: { $0.role == "base" }), let step = step(of: base.name) {
        needed.insert(step)
      }
    }
    return needed
  }
}
