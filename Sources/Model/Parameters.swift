package import Formats
package import Kernels

/// All weights of a model in one arena, f32, as training needs them.
package final class Parameters: @unchecked Sendable {
  package let configuration: ModelConfiguration
  package let layout: ParameterLayout
  package let arena: Arena
  /// The weights in bfloat16, in the same layout; there once `round` was called for products of that precision.
  private var rounded: Arena?

  /// Zeros; also the shape of gradients and moments.
  package init(_ configuration: ModelConfiguration) {
    self.configuration = configuration
    layout = ParameterLayout(configuration)
    arena = Arena(count: layout.count)
  }

  /// Reads every tensor of the model, in parallel.
  /// - Throws: `badInput` or `missing` naming the tensor whose shape is wrong or that is not there.
  package convenience init(_ configuration: ModelConfiguration, from files: ModelFiles, pool: ThreadPool) throws {
    try check(ParameterLayout(configuration), against: files)
    self.init(configuration)
    let entries = layout.entries.sorted { $0.count > $1.count }
    try concurrently(pool, entries.count) { part, _ in
      let entry = entries[part]
      try readTensor(entry.name, shape: entry.shape, from: files, into: arena.base + entry.offset)
    }
  }

  /// Reads what a file holds for every parameter, such as a moment of the optimizer, in parallel.
  ///
  /// - Parameter prefix: Before the parameter's name.
  /// - Throws: `badInput` or `missing` naming the tensor.
  package convenience init(
    _ configuration: ModelConfiguration, from source: any TensorSource, prefix: String, pool: ThreadPool
  ) throws {
    self.init(configuration)
    let entries = layout.entries.sorted { $0.count > $1.count }
    try concurrently(pool, entries.count) { part, _ in
      let entry = entries[part]
      let target = UnsafeMutableBufferPointer(start: arena.base + entry.offset, count: entry.count)
      try source.read(prefix + entry.name, into: target)
    }
  }

  /// Fresh weights for training from scratch: normal with deviation 0.02 for matrices (as transformers' Llama and
  /// config.json's `initializer_range`), 1 for norms, 0 for biases.
  package static func random(_ configuration: ModelConfiguration, seed: UInt64, deviation: Float = 0.02) -> Parameters {
    let parameters = Parameters(configuration)
    for (index, entry) in parameters.layout.entries.enumerated() {
      let target = parameters.arena.base + entry.offset
      if entry.shape.count == 1 {
        target.update(repeating: entry.name.hasSuffix(".bias") ? 0 : 1, count: entry.count)
        continue
      }
      let random = RolloutRandom(seed: seed, step: 0, prompt: UInt64(index), sample: 0)
      for i in 0..<entry.count { target[i] = deviation * random.normal(position: i) }
    }
    return parameters
  }

  /// How many weights a token is multiplied with: the matrices, and the embedding only as the token head.
  package static func multiplied(_ c: ModelConfiguration) -> Int {
    let layout = ParameterLayout(c)
    let matrices = layout.entries.filter { $0.shape.count == 2 && $0.offset != layout.embedding }
    return matrices.reduce(0) { $0 + $1.count } + (c.tiedEmbeddings ? c.vocabularyCount * c.hidden : 0)
  }

  /// Rounds the weights to what the products take, before the first and after every change.
  package func round(for matmul: Matmul) {
    guard matmul.precision == .bf16 else { return }
    let halves = rounded ?? Arena(count: (layout.count + 1) / 2)
    matmul.round(arena.base, count: layout.count, to: halves.halves)
    rounded = halves
  }

  /// Pointers for a forward and backward pass over these weights.
  package var weights: ModelWeights {
    let c = configuration, base = UnsafePointer(arena.base), halves = (rounded?.halves).map { UnsafePointer($0) }
    func linear(_ inputs: Int, _ outputs: Int, _ offset: Int) -> Linear {
      Linear(inputs: inputs, outputs: outputs, plain: base + offset, rounded: halves.map { $0 + offset })
    }
    return ModelWeights(
      embedding: base + layout.embedding,
      layers: layout.layers.map {
        LayerWeights(
          inputNorm: base + $0.inputNorm, qkv: linear(c.hidden, c.queryKeyValue, $0.qkv),
          qkvBias: $0.qkvBias.map { base + $0 }, queryNorm: $0.queryNorm.map { base + $0 },
          keyNorm: $0.keyNorm.map { base + $0 },
          output: linear(c.queryWidth, c.hidden, $0.output), postNorm: base + $0.postNorm,
          gateUp: linear(c.hidden, 2 * c.intermediate, $0.gateUp), down: linear(c.intermediate, c.hidden, $0.down))
      },
      finalNorm: base + layout.finalNorm, head: linear(c.hidden, c.vocabularyCount, layout.head), owners: [self])
  }
}

/// One layer's weights, ready for products.
package struct LayerWeights {
  var inputNorm: ConstFloatPointer
  var qkv: Linear
  /// [(heads + 2·kv)·dim]; [dim] each. Nil where the architecture has none.
  var qkvBias: ConstFloatPointer?
  var queryNorm: ConstFloatPointer?
  var keyNorm: ConstFloatPointer?
  var output: Linear
  var postNorm: ConstFloatPointer
  var gateUp: Linear
  var down: Linear
}

/// A model's weights, ready for products; `owners` keep the memory alive.
package struct ModelWeights: @unchecked Sendable {
  /// [vocabulary, hidden]
  var embedding: ConstFloatPointer
  var layers: [LayerWeights]
  var finalNorm: ConstFloatPointer
  var head: Linear
  var owners: [AnyObject]
}

/// Runs `body` for every part; the first error in order of parts is thrown after all have ended.
func concurrently(_ pool: ThreadPool, _ parts: Int, _ body: (_ part: Int, _ thread: Int) throws -> Void) throws {
  var errors = [(any Error)?](repeating: nil, count: parts)
  errors.withUnsafeMutableBufferPointer { errors in
    nonisolated(unsafe) let errors = errors
    pool.run(parts: parts) { part, thread in
      do { try body(part, thread) } catch { errors[part] = error }
    }
  }
  if let error = errors.lazy.compactMap({ $0 }).first { throw error }
}

/// Checks that every tensor is there in its shape, before memory is taken for any of them.
func check(_ layout: ParameterLayout, against files: ModelFiles) throws {
  for entry in layout.entries { _ = try tensor(entry.name, shape: entry.shape, in: files) }
}

private func tensor(_ name: String, shape: [Int], in files: ModelFiles) throws -> TensorInfo {
  guard let info = files.weights.info(name) else {
    throw RollbookError.missing(
      files.path, "tensor '\(name)' is not there, expected shape \(shape)",
      hint: "check that config.json belongs to these weights")
  }
  guard info.shape == shape else {
    throw RollbookError.badInput(files.path, "tensor '\(name)' has shape \(info.shape), config.json asks for \(shape)")
  }
  return info
}

/// Reads one tensor after checking its shape.
func readTensor(_ name: String, shape: [Int], from files: ModelFiles, into target: FloatPointer) throws {
  let info = try tensor(name, shape: shape, in: files)
  try files.weights.read(name, into: UnsafeMutableBufferPointer(start: target, count: info.elementCount))
}
