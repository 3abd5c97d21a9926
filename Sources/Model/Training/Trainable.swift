package import Formats
package import Kernels

/// What a run trains: all weights of a model or the adapter on it, heads beside it, less what is frozen. It holds
/// values and gradients by name; how they become updates is the optimizer's.
package final class Trainable {
  /// Parameters in one arena, with their gradients in another of the same layout.
  package struct Part {
    /// In the order of the arena.
    package let entries: [ParameterLayout.Entry]
    package let values: Arena
    package let gradients: Arena
    /// Of each entry, whether it moves.
    package let trains: [Bool]

    /// The entries that move.
    package var moving: [ParameterLayout.Entry] { zip(entries, trains).filter(\.1).map(\.0) }
  }

  /// The weights themselves; with an adapter, what it is added to.
  package let policy: Parameters
  package let adapter: Adapter?
  package let heads: [ValueHead]
  /// Of the weights or the adapter first, then of every head.
  package let parts: [Part]
  /// Where a backward pass through the model adds its gradients, and one through each head.
  package let sink: GradientSink
  package let headGradients: [ValueHead]
  private let isWhole: Bool

  /// - Parameters:
  ///   - adapter: trained instead of the weights.
  ///   - heads: trained as well.
  ///   - frozen: parameters that stay as they are: nothing is computed for them where that can be left out.
  /// - Throws: `usage` for a pattern that names no parameter, or when nothing is left to train.
  package init(
    _ policy: Parameters, adapter: Adapter? = nil, heads: [ValueHead] = [], frozen: [ParameterPattern] = []
  ) throws {
    (self.policy, self.adapter, self.heads) = (policy, adapter, heads)
    let main = adapter.map(\.layout.entries) ?? policy.layout.entries
    let names = (main + heads.flatMap(\.entries)).map(\.name)
    for pattern in frozen where !names.contains(where: { pattern.matches($0) }) {
      throw RollbookError.usage(
        "--freeze \(pattern.text): no parameter that is trained has such a name",
        hint: "names begin like '\(names[0])' and end like '\(names[names.count - 1])'")
    }
    func wanted(_ name: String) -> Bool { !frozen.contains { $0.matches(name) } }
    guard names.contains(where: wanted) else {
      throw RollbookError.usage("--freeze: nothing is left to train", hint: "freeze less")
    }
    isWhole = names.allSatisfy(wanted)
    func part(_ entries: [ParameterLayout.Entry], _ values: Arena, _ gradients: Arena) -> Part {
      Part(entries: entries, values: values, gradients: gradients, trains: entries.map { wanted($0.name) })
    }
    headGradients = heads.map { _ in ValueHead(policy.configuration) }
    let ofHeads = zip(heads, headGradients).map { part($0.entries, $0.arena, $1.arena) }
    if let adapter {
      let gradients = Adapter(policy.configuration, adapter.configuration)
      sink = GradientSink(adapter: gradients, wanted: wanted)
      parts = [part(adapter.layout.entries, adapter.arena, gradients.arena)] + ofHeads
    } else {
      let gradients = Parameters(policy.configuration)
      sink = GradientSink(parameters: gradients, wanted: wanted)
      parts = [part(policy.layout.entries, policy.arena, gradients.arena)] + ofHeads
    }
  }

  /// The number of parameters that move.
  package var parameterCount: Int { parts.reduce(0) { $0 + $1.moving.reduce(0) { $0 + $1.count } } }

  /// The weights, or the adapter's matrices, by their names in a checkpoint; then those of the heads.
  package var tensors: [NamedTensor] { tensors(0..<1) }
  /// The weights with the first head as a Hugging Face classifier's score, which has no bias.
  package var classifierTensors: [NamedTensor] {
    tensors + heads.prefix(1).map { NamedTensor("score.weight", [1, policy.configuration.hidden], $0.arena.base) }
  }
  package var headTensors: [NamedTensor] { tensors(1..<parts.count) }

  private func tensors(_ range: Range<Int>) -> [NamedTensor] {
    parts[range].flatMap { part in
      part.entries.map { NamedTensor($0.name, $0.shape, part.values.base + $0.offset) }
    }
  }

  package func clearGradients() {
    for part in parts {
      if isWhole { part.gradients.zero() } else { Self.clear(part.moving, part.gradients) }
    }
  }

  /// The 2-norm of all gradients. What was computed of frozen parameters, beside others, is dropped first.
  package func gradientNorm(_ pool: ThreadPool) -> Double {
    if !isWhole {
      for part in parts { Self.clear(zip(part.entries, part.trains).filter { !$1 }.map(\.0), part.gradients) }
    }
    return parts.reduce(0) { $0 + sumOfSquares(pool, $1.gradients.base, count: $1.gradients.count) }.squareRoot()
  }

  private static func clear(_ entries: [ParameterLayout.Entry], _ arena: Arena) {
    for entry in entries { (arena.base + entry.offset).update(repeating: 0, count: entry.count) }
  }
}

/// A named tensor in memory, on its way to or from a file.
package struct NamedTensor {
  package let name: String
  package let shape: [Int]
  package let values: UnsafeMutableBufferPointer<Float>

  init(_ name: String, _ shape: [Int], _ start: FloatPointer) {
    (self.name, self.shape) = (name, shape)
    values = UnsafeMutableBufferPointer(start: start, count: shape.reduce(1, *))
  }

  package var description: SafetensorsWriter.Tensor { SafetensorsWriter.Tensor(name: name, shape: shape, type: .f32) }
}

extension [NamedTensor] {
  /// Fills all of them from the file, in parallel.
  func read(from source: Safetensors, _ pool: ThreadPool) throws {
    let tensors = sorted { $0.values.count > $1.values.count }
    try concurrently(pool, tensors.count) { index, _ in
      try source.read(tensors[index].name, into: tensors[index].values)
    }
  }

  /// Appends all of them, in their order.
  package func write(to writer: SafetensorsWriter) throws {
    for tensor in self { try writer.append(tensor.name, UnsafeBufferPointer(tensor.values)) }
  }
}
