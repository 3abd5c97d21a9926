import Formats
import Foundation
import Kernels
import Model
import Testing

@Suite struct ScheduleTests {
  @Test func corners() {
    let constant = Schedule(peak: 0.5)
    #expect([1, 2, 1000].allSatisfy { constant.rate(update: $0) == 0.5 })
    let warm = Schedule(peak: 1, warmup: 4)
    #expect((1...6).map { warm.rate(update: $0) } == [0.25, 0.5, 0.75, 1, 1, 1])
    for shape in [Schedule.Shape.linear, .cosine] {
      let s = Schedule(shape, peak: 1, warmup: 2, total: 10, minimum: 0.1)
      #expect(s.rate(update: 1) == 0.5 && s.rate(update: 2) == 1, "the peak is at the end of the rise")
      #expect(s.rate(update: 11) == 0.1 && s.rate(update: 12) == 0.1 && s.rate(update: .max) == 0.1)
      let all = (2...11).map { s.rate(update: $0) }
      #expect(zip(all, all.dropFirst()).allSatisfy { $0 > $1 }, "\(shape) falls: \(all)")
      #expect(s.rate(update: 10) > 0.1, "the last update moves something even where the minimum is 0")
      #expect(Schedule(shape, peak: 1, total: 1).rate(update: 1) == 1)
      #expect(Schedule(shape, peak: 1, total: 1).rate(update: 2) == 0)
    }
    #expect(abs(Schedule(.linear, peak: 1, total: 10).rate(update: 6) - 0.5) < 1e-6)
    #expect(abs(Schedule(.cosine, peak: 1, total: 8, minimum: 0.2).rate(update: 5) - 0.6) < 1e-6)
    #expect(abs(Schedule(.cosine, peak: 1, total: 12).rate(update: 5) - 0.75) < 1e-6)
  }
}

@Suite struct ParameterPatternTests {
  @Test(
    arguments: [
      ("model.embed_tokens", "model.embed_tokens.weight", true), ("embed_tokens", "model.embed_tokens.weight", true),
      ("embed", "model.embed_tokens.weight", false), ("embed*", "model.embed_tokens.weight", true),
      ("layers.0-11", "model.layers.11.mlp.up_proj.weight", true),
      ("layers.0-11", "model.layers.12.mlp.up_proj.weight", false),
      ("layers.1", "model.layers.11.mlp.up_proj.weight", false),
      ("layers.*.mlp", "model.layers.3.mlp.up_proj.weight", true),
      ("model.layers.*.self_attn.?_proj", "model.layers.3.self_attn.q_proj.weight", false),
      ("layers.*.*.*_proj.weight", "model.layers.3.self_attn.q_proj.weight", true),
      ("layers.*.*.*_proj.bias", "model.layers.3.self_attn.q_proj.weight", false), ("*", "lm_head.weight", true),
      ("layers.2", "base_model.model.model.layers.2.mlp.up_proj.lora_A.weight", true),
      ("model", "model.norm.weight", false),
      ("layers.0.mlp.up_proj.weight.more", "model.layers.0.mlp.up_proj.weight", false),
      ("layers.9999999999999999999-3", "model.layers.2.mlp", false), ("a*b*c", "aXbYc", true), ("a*b*c", "aXcYb", false)
    ])
  func matches(pattern: String, name: String, expected: Bool) {
    #expect(ParameterPattern(pattern).matches(name) == expected, "\(pattern) of \(name)")
  }
}

@Suite struct TrainableTests {
  private static let patterns = [
    ["embed_tokens"], ["layers.0"], ["embed_tokens", "layers.0"], ["layers.*.self_attn.q_proj"], ["norm", "lm_head"],
    ["layers"], ["embed_tokens", "layers", "norm"], ["layers.1.mlp", "layers.0.input_layernorm"]
  ]

  /// What is left is the gradient of training everything, to the bit.
  @Test(arguments: patterns, ["llama", "qwen2", "qwen3"])
  func frozenParametersHaveNoGradient(patterns: [String], type: String) throws {
    let c = try smallConfiguration(tied: false, type: type), p = smallParameters(c), harness = Harness(p)
    let whole = try Trainable(p), part = try Trainable(p, frozen: patterns.map { ParameterPattern($0) })
    var batch = Batch(), numbers = Numbers(seed: 4)
    _ = batch.append(prompt: [1, 2, 3], responses: [numbers.tokens(6, below: 30), numbers.tokens(4, below: 30)])
    let slopes = numbers.floats(batch.heads.count), entropies = numbers.floats(batch.heads.count)
    for trainable in [whole, part] {
      let result = harness.transformer.forward(batch, store: harness.store)
      harness.transformer.backward(
        batch, result: result, dLogprobs: slopes, dEntropies: entropies, store: harness.store, into: trainable.sink)
    }
    let norm = part.gradientNorm(harness.matmul.pool)
    var squares = 0.0
    for (index, entry) in part.parts[0].entries.enumerated() {
      let a = whole.parts[0].gradients.base + entry.offset, b = part.parts[0].gradients.base + entry.offset
      let trains = part.parts[0].trains[index]
      #expect(trains == !patterns.contains { ParameterPattern($0).matches(entry.name) })
      let same = (0..<entry.count).allSatisfy { b[$0] == (trains ? a[$0] : 0) }
      #expect(same, "\(entry.name)")
      if trains { squares += (0..<entry.count).reduce(0) { $0 + Double(a[$1]) * Double(a[$1]) } }
    }
    withExtendedLifetime((whole, part)) {}
    #expect(squares > 0 && abs(norm - squares.squareRoot()) <= 1e-9 * norm)
    part.clearGradients()
    #expect(part.gradientNorm(harness.matmul.pool) == 0)
  }

  @Test func patternsThatNameNothing() throws {
    let p = Parameters(try smallConfiguration())
    let error = #expect(throws: RollbookError.self) { try Trainable(p, frozen: [ParameterPattern("lm_head")]) }
    #expect(error?.code == .usage && error?.message.contains("--freeze lm_head") == true)
    let nothing = #expect(throws: RollbookError.self) { try Trainable(p, frozen: [ParameterPattern("*")]) }
    #expect(nothing?.message.contains("nothing is left") == true)
  }

  /// Every rule moves towards a target, stops where it has stopped before, and goes on from a file as if nothing
  /// had happened, on any number of threads.
  @Test(arguments: Optimizer.Rule.allCases, [false, true])
  func everyRuleConvergesAndGoesOn(rule: Optimizer.Rule, isAdapter: Bool) throws {
    var settings = Optimizer.Settings()
    (settings.rule, settings.weightDecay) = (rule, 0.01)
    let folder = NSTemporaryDirectory() + "rollbook-optimizer-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let whole = try Run(settings, isAdapter: isAdapter, threads: 1)
    let first = whole.distance
    try whole.steps(1...12)
    #expect(whole.distance < 0.8 * first, "\(rule): from \(first) to \(whole.distance)")
    let before = try Run(settings, isAdapter: isAdapter, threads: 2)
    try before.steps(1...5)
    let path = folder + "/optimizer.safetensors"
    let tensors = try before.optimizer.tensors()
    let writer = try SafetensorsWriter(path: path, tensors: tensors.map(\.description))
    try tensors.write(to: writer)
    try writer.finish()
    let file = try Safetensors(path: path)
    #expect(Optimizer.rule(of: file) == rule)
    let after = try Run(settings, isAdapter: isAdapter, threads: 3, values: before.trainable, restored: file)
    try after.steps(6...12)
    #expect(after.values.bits == whole.values.bits)
    let frozen = try Run(settings, isAdapter: isAdapter, threads: 1, frozen: "layers.1", restored: file)
    #expect(try frozen.optimizer.tensors().count < tensors.count, "no state of what is frozen")
    settings.rule = rule == .muon ? .adamW : .muon
    let error = #expect(throws: RollbookError.self) {
      try Run(settings, isAdapter: isAdapter, threads: 1, restored: file)
    }
    #expect(error?.code == .usage && error?.message.contains(rule.rawValue) == true)
    #expect(error?.hint?.contains("--fresh-optimizer") == true)
  }

  /// Norms and biases do not decay unless all does; without a gradient that is all that happens.
  @Test(arguments: Optimizer.Rule.allCases, [false, true])
  func decayIsOfMatrices(rule: Optimizer.Rule, all: Bool) throws {
    let p = smallParameters(try smallConfiguration(type: "qwen2")), before = Parameters(p.configuration)
    before.arena.base.update(from: p.arena.base, count: p.layout.count)
    var settings = Optimizer.Settings()
    (settings.rule, settings.weightDecay, settings.decaysAll) = (rule, 0.5, all)
    let matmul = Matmul(pool: ThreadPool(threads: 1)), trainable = try Trainable(p)
    let optimizer = try Optimizer(settings, for: trainable, restored: nil, matmul: matmul)
    try optimizer.update(step: 1, learningRate: 0.1, gradientScale: 1)
    for entry in p.layout.entries {
      let factor: Float = all || entry.shape.count == 2 ? 0.95 : 1
      #expect(zip(p.values(entry), before.values(entry)).allSatisfy { abs($0 - factor * $1) <= 1e-6 }, "\(entry.name)")
    }
  }

  @Test func heads() throws {
    let p = smallParameters(try smallConfiguration()), head = ValueHead(p.configuration)
    let trainable = try Trainable(p, heads: [head], frozen: [ParameterPattern("embed_tokens")])
    #expect(trainable.headTensors.map(\.name) == ["value.weight", "value.bias"])
    #expect(trainable.tensors.map(\.name) == p.layout.entries.map(\.name))
    trainable.headGradients[0].arena.base[0] = 3
    trainable.parts[0].gradients.base[trainable.parts[0].entries[1].offset] = 4
    #expect(trainable.gradientNorm(ThreadPool(threads: 1)) == 5)
    let optimizer = try Optimizer(
      Optimizer.Settings(), for: trainable, restored: nil, matmul: Matmul(pool: ThreadPool(threads: 1)))
    try optimizer.update(step: 1, learningRate: 0.1, gradientScale: 1)
    #expect(abs(head.arena.base[0] + 0.1) < 1e-6)
    #expect(try optimizer.tensors().contains { $0.name == "v.value.weight" })
    let path = NSTemporaryDirectory() + "rollbook-head-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: path) }
    let writer = try SafetensorsWriter(path: path, tensors: trainable.headTensors.map(\.description))
    try trainable.headTensors.write(to: writer)
    try writer.finish()
    let read = try ValueHead(p.configuration, from: Safetensors(path: path))
    #expect((0..<p.configuration.hidden + 1).allSatisfy { read.arena.base[$0] == head.arena.base[$0] })
  }

  @Test func theAverageFollows() throws {
    let p = smallParameters(try smallConfiguration()), pool = ThreadPool(threads: 2)
    let trainable = try Trainable(p), average = WeightAverage(trainable, decay: 0.75, restored: nil)
    try average.takeUp(pool)
    let start = p.arena.base[5]
    p.arena.base[5] += 1
    average.update(pool)
    average.update(pool)
    let found = try withExtendedLifetime(average) { try average.tensors(pool)[0].values[5] }
    #expect(abs(found - (start + 1 - 0.75 * 0.75)) < 1e-6)
  }
}

/// A small model on its way to a target: the gradient of half the squared distance is the difference.
private final class Run {
  let trainable: Trainable
  let optimizer: Optimizer
  private let target: Parameters

  init(
    _ settings: Optimizer.Settings, isAdapter: Bool, threads: Int, values: Trainable? = nil, frozen: String? = nil,
    restored: Safetensors? = nil
  ) throws {
    let c = try smallConfiguration(), p = smallParameters(c, seed: 1)
    let adapter = isAdapter ? Adapter.fresh(c, AdapterConfiguration(rank: 3, alpha: 6), seed: 2) : nil
    trainable = try Trainable(p, adapter: adapter, frozen: frozen.map { [ParameterPattern($0)] } ?? [])
    if let values {
      let part = values.parts[0]
      trainable.parts[0].values.base.update(from: part.values.base, count: part.values.count)
    }
    target = smallParameters(c, seed: 7)
    optimizer = try Optimizer(
      settings, for: trainable, restored: restored, matmul: Matmul(pool: ThreadPool(threads: threads)))
  }

  var values: [Float] { trainable.tensors.flatMap { Array($0.values) } }
  private func goal(_ i: Int) -> Float { target.arena.base[i % target.layout.count] }

  var distance: Double {
    let part = trainable.parts[0]
    return part.entries.reduce(0) { sum, entry in
      (entry.offset..<entry.offset + entry.count).reduce(sum) {
        let d = Double(part.values.base[$1] - goal($1))
        return $0 + d * d
      }
    }
  }

  func steps(_ range: ClosedRange<Int>) throws {
    let part = trainable.parts[0]
    for step in range {
      for entry in part.entries {
        for i in entry.offset..<entry.offset + entry.count { part.gradients.base[i] = part.values.base[i] - goal(i) }
      }
      try optimizer.update(step: step, learningRate: 0.03, gradientScale: 0.5)
    }
  }
}
