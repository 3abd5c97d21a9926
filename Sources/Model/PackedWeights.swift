package import Formats
package import Kernels

extension ModelWeights {
  /// Reads a model for generation: each matrix goes straight into the layout of the products, so that the plain copy
  /// of a layer exists only while that layer is being packed. The embedding stays plain too, for look-ups.
  /// - Parameter speaks: false for a model whose tokens' probabilities nobody asks: its token head need not be there.
  /// - Throws: `badInput` or `missing` naming the tensor.
  package static func packed(
    _ c: ModelConfiguration, from files: ModelFiles, matmul: Matmul, speaks: Bool = true
  ) throws -> ModelWeights {
    var needed = c
    if !speaks { needed.tiedEmbeddings = true }
    let layout = ParameterLayout(needed)
    try check(layout, against: files)
    let shapes = Dictionary(uniqueKeysWithValues: layout.entries.map { ($0.name, $0.shape) })
    let packer = Packer(configuration: c, files: files, matmul: matmul, shapes: shapes)
    let vectors = (0..<c.layers).map { _ in packer.layerVectors() }
    var layers = [LayerWeights?](repeating: nil, count: c.layers)
    try layers.withUnsafeMutableBufferPointer { layers in
      nonisolated(unsafe) let layers = layers
      try concurrently(matmul.pool, c.layers) { l, thread in
        layers[l] = try packer.layer(l, vectors: vectors[l], thread: thread)
      }
    }
    let finalNorm = Arena(count: c.hidden), embedding = Arena(count: c.vocabularyCount * c.hidden)
    try packer.read("model.norm.weight", finalNorm.base)
    try packer.read("model.embed_tokens.weight", embedding.base)
    var head = Linear(inputs: c.hidden, outputs: c.vocabularyCount, plain: embedding.base)
    if needed.tiedEmbeddings {
      if speaks { head = matmul.packing(head) }
    } else {
      head = try packer.pack(c.hidden, c.vocabularyCount, ["lm_head.weight"], thread: 0)
    }
    return ModelWeights(
      embedding: embedding.base, layers: layers.map { $0! }, finalNorm: finalNorm.base, head: head,
      owners: [embedding, finalNorm] + vectors)
  }
}

extension Transformer {
  /// A model for reading only: packed weights, and the adapter if its files have one.
  /// - Parameter speaks: false for a model whose tokens' probabilities nobody asks: its token head need not be there.
  /// - Throws: `badInput` or `missing` naming the tensor.
  package static func packed(
    _ c: ModelConfiguration, from files: ModelFiles, matmul: Matmul, speaks: Bool = true
  ) throws -> Transformer {
    let weights = try ModelWeights.packed(c, from: files, matmul: matmul, speaks: speaks)
    let transformer = Transformer(c, weights: weights, matmul: matmul)
    transformer.adapter = try files.adapter.map { try Adapter($0, for: c, pool: matmul.pool) }
    return transformer
  }
}

/// Reads and packs one layer at a time.
private struct Packer: Sendable {
  let configuration: ModelConfiguration
  let files: ModelFiles
  let matmul: Matmul
  let shapes: [String: [Int]]

  func read(_ name: String, _ target: FloatPointer) throws {
    try readTensor(name, shape: shapes[name]!, from: files, into: target)
  }

  /// Memory for a layer's norms and biases: two norms of `hidden`, two of `dim` at most.
  func layerVectors() -> Arena {
    let c = configuration
    return Arena(count: 2 * (Arena.padded(c.hidden) + Arena.padded(c.headDimensions)) + Arena.padded(c.queryKeyValue))
  }

  /// The tensors one behind the other.
  private func readAll(_ names: [String], _ target: FloatPointer) throws {
    var at = target
    for name in names {
      try read(name, at)
      at += shapes[name]!.reduce(1, *)
    }
  }

  /// One packed matrix, whose rows are those of the tensors.
  func pack(_ inputs: Int, _ outputs: Int, _ names: [String], thread: Int) throws -> Linear {
    let plain = Arena(count: inputs * outputs)
    try readAll(names, plain.base)
    return matmul.packing(Linear(inputs: inputs, outputs: outputs, plain: plain.base), thread: thread)
  }

  func layer(_ l: Int, vectors: Arena, thread: Int) throws -> LayerWeights {
    let c = configuration, name = "model.layers.\(l).", attention = name + "self_attn."
    var plan = ArenaPlan()
    func vector(_ names: String...) throws -> ConstFloatPointer {
      let target = vectors.base + plan.region(names.reduce(0) { $0 + shapes[$1]!.reduce(1, *) })
      try readAll(names, target)
      return UnsafePointer(target)
    }
    let projections = ["q_proj", "k_proj", "v_proj"].map { attention + $0 }
    return LayerWeights(
      inputNorm: try vector(name + "input_layernorm.weight"),
      qkv: try pack(c.hidden, c.queryKeyValue, projections.map { $0 + ".weight" }, thread: thread),
      qkvBias: c.queryKeyValueBias
        ? try vector(projections[0] + ".bias", projections[1] + ".bias", projections[2] + ".bias") : nil,
      queryNorm: c.headNorms ? try vector(attention + "q_norm.weight") : nil,
      keyNorm: c.headNorms ? try vector(attention + "k_norm.weight") : nil,
      output: try pack(c.queryWidth, c.hidden, [attention + "o_proj.weight"], thread: thread),
      postNorm: try vector(name + "post_attention_layernorm.weight"),
      gateUp: try pack(
        c.hidden, 2 * c.intermediate, [name + "mlp.gate_proj.weight", name + "mlp.up_proj.weight"], thread: thread),
      down: try pack(c.intermediate, c.hidden, [name + "mlp.down_proj.weight"], thread: thread))
  }
}
