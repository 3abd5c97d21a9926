package import Formats
package import Kernels

extension ModelWeights {
  /// Reads a model for generation: each matrix goes straight into the layout of the products, so that the plain copy
  /// of a layer exists only while that layer is being packed. The embedding stays plain too, for look-ups.
  /// - Throws: `badInput` or `missing` naming the tensor.
  package static func packed(_ c: ModelConfiguration, from files: ModelFiles, matmul: Matmul) throws -> ModelWeights {
    let layout = ParameterLayout(c)
    try check(layout, against: files)
    let embedding = Arena(count: c.vocabularyCount * c.hidden)
    let norms = Arena(count: (2 * c.layers + 1) * Arena.padded(c.hidden))
    let shapes = Dictionary(uniqueKeysWithValues: layout.entries.map { ($0.name, $0.shape) })
    func norm(_ index: Int) -> FloatPointer { norms.base + index * Arena.padded(c.hidden) }
    func read(_ name: String, _ target: FloatPointer) throws {
      try readTensor(name, shape: shapes[name]!, from: files, into: target)
    }

    var layers = [LayerWeights?](repeating: nil, count: c.layers)
    try layers.withUnsafeMutableBufferPointer { layers in
      nonisolated(unsafe) let layers = layers
      try concurrently(matmul.pool, c.layers) { l, thread in
        let name = "model.layers.\(l)."
        try read(name + "input_layernorm.weight", norm(2 * l))
        try read(name + "post_attention_layernorm.weight", norm(2 * l + 1))
        func pack(_ inputs: Int, _ outputs: Int, _ parts: [String]) throws -> Linear {
          let plain = Arena(count: inputs * outputs)
          var at = plain.base
          for part in parts {
            try read(name + part + ".weight", at)
            at += shapes[name + part + ".weight"]!.reduce(1, *)
          }
          return matmul.packing(Linear(inputs: inputs, outputs: outputs, plain: plain.base), thread: thread)
        }
        layers[l] = LayerWeights(
          inputNorm: norm(2 * l),
          qkv: try pack(
            c.hidden, c.queryKeyValue, ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"]),
          output: try pack(c.queryWidth, c.hidden, ["self_attn.o_proj"]), postNorm: norm(2 * l + 1),
          gateUp: try pack(c.hidden, 2 * c.intermediate, ["mlp.gate_proj", "mlp.up_proj"]),
          down: try pack(c.intermediate, c.hidden, ["mlp.down_proj"]))
      }
    }
    try read("model.norm.weight", norm(2 * c.layers))
    try read("model.embed_tokens.weight", embedding.base)
    var head = Linear(inputs: c.hidden, outputs: c.vocabularyCount, plain: embedding.base)
    if c.tiedEmbeddings {
      head = matmul.packing(head)
    } else {
      let plain = Arena(count: c.vocabularyCount * c.hidden)
      try read("lm_head.weight", plain.base)
      head = matmul.packing(Linear(inputs: c.hidden, outputs: c.vocabularyCount, plain: plain.base))
    }
    return ModelWeights(
      embedding: embedding.base, layers: layers.map { $0! }, finalNorm: norm(2 * c.layers), head: head,
      owners: [embedding, norms])
  }
}
