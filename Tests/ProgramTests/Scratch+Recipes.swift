import Formats
import Foundation
import Objectives
import Testing

/// What tests of recipes share: many short runs from one start.
extension Scratch {
  /// Goes on in a copy of the buffer, which `body` may change; the buffer is as before afterwards.
  func inCopy<T>(_ body: () throws -> T) throws -> T {
    let before = buffer
    buffer = try copy("copy-\(UUID().uuidString)")
    defer {
      try? FileManager.default.removeItem(atPath: buffer)
      buffer = before
    }
    return try body()
  }

  /// One training step with nothing on standard error but what matters.
  func trained(
    _ step: Int = 0, _ flags: [String], at location: SourceLocation = #_sourceLocation
  ) throws -> JSON {
    try run("rollbook-train", trainArguments(step, flags + ["--json"])).expect(at: location).json(at: location)
  }

  /// What a step says of the data, without training.
  func evaluated(
    _ step: Int = 0, _ flags: [String], at location: SourceLocation = #_sourceLocation
  ) throws -> JSON {
    try trained(step, flags + ["--evaluate"], at: location)
  }

  func imported(
    _ name: String, _ lines: [JSON], _ flags: String..., at location: SourceLocation = #_sourceLocation
  ) throws {
    let path = try file(name, lines.map { try $0.serialized() }.joined(separator: "\n") + "\n")
    try run("rollbook", ["import", buffer, path] + flags).expect(at: location)
  }

  /// The tensors of a checkpoint's file, one after the other.
  func weights(_ step: Int, _ file: String = "model") throws -> [Float] {
    let source = try Safetensors(path: path("checkpoints/\(Buffer.stepName(step))/\(file).safetensors"))
    var all: [Float] = []
    for tensor in source.tensors {
      var values = [Float](repeating: 0, count: tensor.elementCount)
      try values.withUnsafeMutableBufferPointer { try source.read(tensor.name, into: $0) }
      all += values
    }
    return all
  }

  /// Greedy responses to the prompts of a step, scored: what ReMax compares with. Returns the buffer's path.
  func greedyBaseline(_ step: Int = 0) throws -> String {
    let mine = buffer
    defer { buffer = mine }
    buffer = try copy("greedy")
    for folder in ["shards/rollouts", "shards/scores"] { try FileManager.default.removeItem(atPath: path(folder)) }
    try generate(step, "--temperature", "0", "--group-size", "1").expect()
    try score(step).expect()
    return buffer
  }
}

extension JSON {
  /// A metric of a program's summary.
  func metric(_ name: String, at location: SourceLocation = #_sourceLocation) throws -> Double {
    try #require(self[name]?.double, "\(name) in \(self)", sourceLocation: location)
  }

  /// The same object with other members.
  func with(_ name: String, _ value: JSON) -> JSON {
    var all = object ?? [:]
    all[name] = value
    return .object(all)
  }
}

/// A recipe with one of its presets.
struct RecipeChoice: CustomStringConvertible {
  let recipe: Recipe
  var description: String { "\(recipe.name) \(recipe.preset)" }
  /// What chooses it, with what it compares with.
  func flags(baseline: String) -> [String] {
    var flags = ["--recipe", recipe.name, "--preset", recipe.preset]
    if recipe.needs.contains(.reference) { flags += ["--reference", "start"] }
    if recipe.needs.contains(.greedy) { flags += ["--baseline", baseline] }
    return flags
  }

  static let all: [RecipeChoice] = Recipe.table.flatMap { entry in
    entry.presets.compactMap { Recipe.named(entry.name, preset: $0).map(RecipeChoice.init) }
  }
  /// Every recipe with its default preset.
  static let defaults: [RecipeChoice] = Recipe.table.compactMap { Recipe.named($0.name).map(RecipeChoice.init) }
}
