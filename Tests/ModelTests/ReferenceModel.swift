import Foundation
import Kernels
import Model

/// The model written out plainly in double: the slow twin of Transformer. One sequence at a time, no cache, no sharing.
struct ReferenceModel {
  let configuration: ModelConfiguration
  let layout: ParameterLayout
  /// In the layout's order.
  var values: [Double]

  init(_ parameters: Parameters) {
    configuration = parameters.configuration
    layout = parameters.layout
    values = (0..<layout.count).map { Double(parameters.arena.base[$0]) }
  }

  /// What a sequence adds to a loss: Σ over positions of c·log p(next) + e·entropy.
  struct Term {
    var ids: [Int32]
    /// One per position; c of the last one must be 0.
    var c: [Float], e: [Float]
  }

  func loss(_ terms: [Term], temperature: Float) -> Double {
    terms.reduce(0.0) { sum, term in
      let all = logits(term.ids)
      return term.ids.indices.reduce(sum) { sum, t in
        if term.c[t] == 0 && term.e[t] == 0 { return sum }
        let s = Self.statistics(all[t], temperature: temperature)
        let next = t + 1 < term.ids.count ? s.logprobs[Int(term.ids[t + 1])] : 0
        return sum + Double(term.c[t]) * next + Double(term.e[t]) * s.entropy
      }
    }
  }

  static func statistics(_ logits: [Double], temperature: Float) -> (logprobs: [Double], entropy: Double) {
    let z = logits.map { $0 / Double(temperature) }, top = z.max() ?? 0
    let normalizer = top + log(z.reduce(0) { $0 + exp($1 - top) })
    let logprobs = z.map { $0 - normalizer }
    return (logprobs, logprobs.reduce(0) { $0 - exp($1) * $1 })
  }

  /// [position][vocabulary]
  func logits(_ ids: [Int32]) -> [[Double]] {
    let c = configuration
    var x = ids.map { Array(values[(layout.embedding + Int($0) * c.hidden)...].prefix(c.hidden)) }
    for layer in layout.layers {
      let attended = attention(x.map { norm($0, layer.inputNorm) }, layer)
      x = zip(x, attended).map { add($0, product($1, layer.output, c.hidden)) }
      x = x.map { row in
        let both = product(norm(row, layer.postNorm), layer.gateUp, 2 * c.intermediate)
        let gated = (0..<c.intermediate).map { both[$0] / (1 + exp(-both[$0])) * both[c.intermediate + $0] }
        return add(row, product(gated, layer.down, c.hidden))
      }
    }
    return x.map { product(norm($0, layout.finalNorm), layout.head, c.vocabularyCount) }
  }

  private func add(_ a: [Double], _ b: [Double]) -> [Double] { zip(a, b).map { $0 + $1 } }

  private func norm(_ x: [Double], _ offset: Int) -> [Double] {
    let square = x.reduce(0) { $0 + $1 * $1 } / Double(x.count)
    let r = 1 / (square + Double(configuration.normEpsilon)).squareRoot()
    return x.indices.map { x[$0] * r * values[offset + $0] }
  }

  /// w[outputs, x.count] · x
  private func product(_ x: [Double], _ offset: Int, _ outputs: Int) -> [Double] {
    values.withUnsafeBufferPointer { w in
      (0..<outputs).map { o in
        let row = offset + o * x.count
        var sum = 0.0
        for i in x.indices { sum += w[row + i] * x[i] }
        return sum
      }
    }
  }

  private func rotate(_ x: ArraySlice<Double>, _ position: Int) -> [Double] {
    let x = Array(x), half = x.count / 2
    var y = x
    for i in 0..<half {
      let angle = Double(position) * frequency(i, of: half)
      y[i] = x[i] * cos(angle) - x[i + half] * sin(angle)
      y[i + half] = x[i + half] * cos(angle) + x[i] * sin(angle)
    }
    return y
  }

  /// Radians per position, scaling included, from its description.
  private func frequency(_ index: Int, of half: Int) -> Double {
    let plain = pow(configuration.rotaryBase, -Double(index) / Double(half)), wavelength = 2 * Double.pi / plain
    switch configuration.rotaryScaling {
    case .none: return plain
    case .linear(let factor): return plain / factor
    case .divisors(let divisors): return plain / divisors[index]
    case .llama3(let factor, let low, let high, let original):
      if wavelength < original / high { return plain }
      if wavelength > original / low { return plain / factor }
      let smooth = (original / wavelength - low) / (high - low)
      return (1 - smooth) * plain / factor + smooth * plain
    }
  }

  /// Bias and norms of heads, where there are some.
  private func adjusted(_ row: [Double], _ layer: ParameterLayout.Layer) -> [Double] {
    let c = configuration, dim = c.headDimensions
    var row = row
    if let bias = layer.qkvBias { for i in row.indices { row[i] += values[bias + i] } }
    if let query = layer.queryNorm, let key = layer.keyNorm {
      for head in 0..<c.heads + c.keyValueHeads {
        let range = head * dim..<(head + 1) * dim
        row.replaceSubrange(range, with: norm(Array(row[range]), head < c.heads ? query : key))
      }
    }
    return row
  }

  private func attention(_ x: [[Double]], _ layer: ParameterLayout.Layer) -> [[Double]] {
    let c = configuration, dim = c.headDimensions
    let rows = x.map { adjusted(product($0, layer.qkv, c.queryKeyValue), layer) }
    func head(_ row: Int, _ index: Int) -> ArraySlice<Double> { rows[row][index * dim..<(index + 1) * dim] }
    let keys = rows.indices.map { t in (0..<c.keyValueHeads).map { rotate(head(t, c.heads + $0), t) } }
    return rows.indices.map { t in
      (0..<c.heads).flatMap { h -> [Double] in
        let q = rotate(head(t, h), t), kv = h / (c.heads / c.keyValueHeads)
        let scores = (0...t).map { s in
          zip(q, keys[s][kv]).reduce(0.0) { $0 + $1.0 * $1.1 } / Double(dim).squareRoot()
        }
        let p = Self.statistics(scores, temperature: 1).logprobs.map { exp($0) }
        var out = [Double](repeating: 0, count: dim)
        for s in 0...t {
          let v = Array(head(s, c.heads + c.keyValueHeads + kv))
          for d in 0..<dim { out[d] += p[s] * v[d] }
        }
        return out
      }
    }
  }
}
