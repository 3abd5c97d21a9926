package import Formats
package import Kernels

/// Where the matrices of a low-rank adapter (LoRA, arXiv 2106.09685) lie in an arena: for every adapted module A
/// [rank, inputs] and B [outputs, rank]. Weights, gradients and moments share it.
package struct AdapterLayout: Sendable, Equatable {
  /// What is added to one module of a fused product, whose columns begin at `offset`; `a` and `b` in floats.
  struct Part: Sendable, Equatable {
    var offset: Int, inputs: Int, outputs: Int, a: Int, b: Int
  }

  package let rank: Int
  /// In PEFT's names.
  package private(set) var entries: [ParameterLayout.Entry] = []
  /// Floats of an arena, padding included.
  package private(set) var count = 0
  /// Outputs of the adapted module that has most, and inputs.
  private(set) var widest = 0, widestInput = 0
  private var layers: [[[Part]]] = []

  /// - Parameter modules: some of `AdapterConfiguration.allModules`.
  package init(_ c: ModelConfiguration, rank: Int, modules: Set<String>) {
    self.rank = rank
    let key = c.keyValueHeads * c.headDimensions
    let products: [(inputs: Int, prefix: String, [(module: String, outputs: Int)])] = [
      (c.hidden, "self_attn.", [("q_proj", c.queryWidth), ("k_proj", key), ("v_proj", key)]),
      (c.queryWidth, "self_attn.", [("o_proj", c.hidden)]),
      (c.hidden, "mlp.", [("gate_proj", c.intermediate), ("up_proj", c.intermediate)]),
      (c.intermediate, "mlp.", [("down_proj", c.hidden)]),
    ]
    var plan = ArenaPlan()
    for l in 0..<c.layers {
      var layer: [[Part]] = []
      for (inputs, prefix, parts) in products {
        var offset = 0, found: [Part] = []
        for (module, outputs) in parts {
          defer { offset += outputs }
          guard modules.contains(module) else { continue }
          let a = plan.region(rank * inputs), b = plan.region(outputs * rank)
          let name = "base_model.model.model.layers.\(l).\(prefix)\(module)"
          entries.append(.init(name: name + ".lora_A.weight", shape: [rank, inputs], offset: a))
          entries.append(.init(name: name + ".lora_B.weight", shape: [outputs, rank], offset: b))
          found.append(Part(offset: offset, inputs: inputs, outputs: outputs, a: a, b: b))
          (widest, widestInput) = (max(widest, outputs), max(widestInput, inputs))
        }
        layer.append(found)
      }
      layers.append(layer)
    }
    count = plan.count
  }

  var layerCount: Int { layers.count }
  func parts(_ layer: Int, _ kind: LinearKind) -> [Part] { layers[layer][kind.rawValue] }
  package var parameterCount: Int { entries.reduce(0) { $0 + $1.count } }
}

/// A low-rank adapter: to each adapted module's output it adds alpha/rank · B (A x).
package final class Adapter: @unchecked Sendable {
  package let configuration: AdapterConfiguration
  package let layout: AdapterLayout
  package let arena: Arena
  var scale: Float { configuration.scale }

  /// Zeros; also the shape of gradients and moments.
  package init(_ c: ModelConfiguration, _ configuration: AdapterConfiguration) {
    self.configuration = configuration
    layout = AdapterLayout(c, rank: configuration.rank, modules: configuration.modules)
    arena = Arena(count: layout.count)
  }

  /// An adapter that changes nothing yet, as PEFT begins one: A uniform within ±1/√inputs, B zero.
  package static func fresh(_ c: ModelConfiguration, _ configuration: AdapterConfiguration, seed: UInt64) -> Adapter {
    let adapter = Adapter(c, configuration)
    for (index, entry) in adapter.layout.entries.enumerated() where entry.name.hasSuffix(".lora_A.weight") {
      let random = RolloutRandom(seed: seed, step: 0, prompt: UInt64(index), sample: 0)
      let bound = 1 / Double(entry.shape[1]).squareRoot(), target = adapter.arena.base + entry.offset
      for i in 0..<entry.count { target[i] = Float((2 * random.uniform(position: i) - 1) * bound) }
    }
    return adapter
  }

  func down(_ part: AdapterLayout.Part) -> Linear {
    Linear(inputs: part.inputs, outputs: layout.rank, plain: arena.base + part.a)
  }

  func up(_ part: AdapterLayout.Part) -> Linear {
    Linear(inputs: layout.rank, outputs: part.outputs, plain: arena.base + part.b)
  }

  /// Adds what the adapter does to the weights themselves: W += alpha/rank · B A. The model then needs no adapter.
  package func merge(into parameters: Parameters, pool: ThreadPool) {
    for (l, layer) in parameters.layout.layers.enumerated() {
      for kind in LinearKind.allCases {
        for part in layout.parts(l, kind) {
          let weight = parameters.arena.base + layer[kind] + part.offset * part.inputs
          let a = arena.base + part.a, b = arena.base + part.b, rank = layout.rank, scale = scale
          pool.split(part.outputs, grain: 8) { range, _ in
            for row in range {
              let target = weight + row * part.inputs
              for j in 0..<rank {
                let factor = scale * b[row * rank + j], source = a + j * part.inputs
                for i in 0..<part.inputs { target[i] += factor * source[i] }
              }
            }
          }
        }
      }
    }
  }
}
