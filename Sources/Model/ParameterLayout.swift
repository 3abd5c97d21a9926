import Kernels

/// Where each parameter lies in an arena. Weights, gradients and both moments of AdamW share one layout, so that
/// updates are single passes.
///
/// The rows of q, k and v follow one another, and those of gate and up: each set is one product.
package struct ParameterLayout: Sendable {
  /// A parameter as the checkpoint names it; `offset` in floats.
  package struct Entry: Sendable, Equatable {
    package let name: String
    package let shape: [Int]
    package let offset: Int
    package var count: Int { shape.reduce(1, *) }
  }

  /// Offsets of a layer's parts: norms [hidden]; qkv [(heads + 2·kv)·dim, hidden]; output [hidden, heads·dim];
  /// gateUp [2·intermediate, hidden]; down [hidden, intermediate].
  package struct Layer: Sendable {
    package var inputNorm = 0, qkv = 0, output = 0, postNorm = 0, gateUp = 0, down = 0
    /// [(heads + 2·kv)·dim], and [dim] each, where the architecture has them.
    package var qkvBias: Int?, queryNorm: Int?, keyNorm: Int?

    /// Where its parts begin.
    var regions: [Int] {
      [inputNorm, qkv, output, postNorm, gateUp, down] + [qkvBias, queryNorm, keyNorm].compactMap(\.self)
    }
  }

  package private(set) var entries: [Entry] = []
  package private(set) var layers: [Layer] = []
  package private(set) var embedding = 0
  package private(set) var finalNorm = 0
  /// The token head [vocabulary, hidden]: the embedding itself when tied.
  package private(set) var head = 0
  /// Floats of an arena, padding included.
  package private(set) var count = 0

  package init(_ c: ModelConfiguration) {
    var plan = ArenaPlan()
    func place(_ parts: [(String, [Int])], _ kind: String = "weight") -> Int {
      let start = plan.region(parts.reduce(0) { $0 + $1.1.reduce(1, *) })
      var at = start
      for (name, shape) in parts {
        entries.append(Entry(name: "\(name).\(kind)", shape: shape, offset: at))
        at += shape.reduce(1, *)
      }
      return start
    }
    embedding = place([("model.embed_tokens", [c.vocabularyCount, c.hidden])])
    for l in 0..<c.layers {
      let name = "model.layers.\(l)."
      var layer = Layer()
      layer.inputNorm = place([(name + "input_layernorm", [c.hidden])])
      layer.qkv = place([
        (name + "self_attn.q_proj", [c.queryWidth, c.hidden]),
        (name + "self_attn.k_proj", [c.keyValueHeads * c.headDimensions, c.hidden]),
        (name + "self_attn.v_proj", [c.keyValueHeads * c.headDimensions, c.hidden]),
      ])
      if c.queryKeyValueBias {
        layer.qkvBias = place(
          [
            (name + "self_attn.q_proj", [c.queryWidth]),
            (name + "self_attn.k_proj", [c.keyValueHeads * c.headDimensions]),
            (name + "self_attn.v_proj", [c.keyValueHeads * c.headDimensions]),
          ], "bias")
      }
      if c.headNorms {
        layer.queryNorm = place([(name + "self_attn.q_norm", [c.headDimensions])])
        layer.keyNorm = place([(name + "self_attn.k_norm", [c.headDimensions])])
      }
      layer.output = place([(name + "self_attn.o_proj", [c.hidden, c.queryWidth])])
      layer.postNorm = place([(name + "post_attention_layernorm", [c.hidden])])
      layer.gateUp = place([
        (name + "mlp.gate_proj", [c.intermediate, c.hidden]), (name + "mlp.up_proj", [c.intermediate, c.hidden]),
      ])
      layer.down = place([(name + "mlp.down_proj", [c.hidden, c.intermediate])])
      layers.append(layer)
    }
    finalNorm = place([("model.norm", [c.hidden])])
    head = c.tiedEmbeddings ? embedding : place([("lm_head", [c.vocabularyCount, c.hidden])])
    count = plan.count
  }

  /// Where what is computed at once begins.
  var regions: [Int] { [embedding, finalNorm, head] + layers.flatMap(\.regions) }

  /// The number of parameters, without padding.
  package var parameterCount: Int { entries.reduce(0) { $0 + $1.count } }
}
