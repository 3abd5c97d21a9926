internal import Kernels

/// How a token is drawn from a row of logits.
package struct SamplingSettings: Equatable, Sendable {
  /// Logits are divided by it; 0 takes the most likely token.
  package var temperature: Float = 1
  /// Keep the likeliest tokens whose mass reaches this (nucleus sampling, arXiv 1904.09751); 1 keeps all.
  package var topP: Float = 1
  /// Keep this many of the likeliest; 0 keeps all.
  package var topK = 0
  /// Keep tokens at least this fraction as likely as the likeliest (arXiv 2407.01082); 0 keeps all.
  package var minP: Float = 0
  package var maxNewTokens = 256

  package init() {}

  var truncates: Bool { topP < 1 || topK > 0 || minP > 0 }
}

/// One row's logits, in the panels that the token head's chunks come in.
struct LogitRow {
  /// The row's part of each chunk.
  let panels: [ConstFloatPointer]
  let widths: [Int]
}

/// Draws tokens by inversion: the token at which the running sum of probabilities, in order of ids, passes a uniform
/// number. A draw depends on its row and its number alone.
struct Sampler {
  let settings: SamplingSettings
  /// Probabilities of the vocabulary, one row per thread.
  let scratch: [Arena]

  init(_ settings: SamplingSettings, vocabularyCount: Int, threads: Int) {
    self.settings = settings
    scratch = (0..<threads).map { _ in Arena(count: vocabularyCount) }
  }

  /// - Returns: the token and its natural log-probability under the distribution it was drawn from: after temperature,
  ///   top-k, top-p and min-p, renormalised. For temperature 0 the model's own log-probability at temperature 1.
  ///   NaN where the logits are no numbers.
  func draw(_ row: LogitRow, uniform: Double, thread: Int) -> (token: Int32, logprob: Float) {
    let greedy = settings.temperature == 0
    let scale = greedy ? 1 : 1 / settings.temperature
    var softmax = Softmax()
    for (panel, width) in zip(row.panels, row.widths) { softmax.fold(panel, count: width, scale: scale) }
    let normalizer = softmax.logNormalizer
    if !normalizer.isFinite { return (0, .nan) }
    func logprob(_ token: Int) -> Float {
      let chunk = token / TokenHead.chunk
      return row.panels[chunk][token - chunk * TokenHead.chunk] * scale - normalizer
    }
    if greedy {
      let best = likeliest(row)
      return (Int32(best), logprob(best))
    }
    if settings.truncates { return drawTruncated(row, scale, normalizer, uniform, thread, logprob) }
    var passed = 0.0, start = 0
    let p = scratch[thread].base
    for (panel, width) in zip(row.panels, row.widths) {
      let mass = Double(
        Softmax.probabilities(panel, count: width, scale: scale, logNormalizer: normalizer, p))
      if passed + mass > uniform {
        var sum = passed
        for i in 0..<width {
          sum += Double(p[i])
          if sum > uniform { return (Int32(start + i), logprob(start + i)) }
        }
      }
      passed += mass
      start += width
    }
    // Rounding left the sum of all probabilities below the number, which was then nearly 1.
    let best = likeliest(row)
    return (Int32(best), logprob(best))
  }

  /// The first of the largest logits.
  private func likeliest(_ row: LogitRow) -> Int {
    var best = -Float.infinity, token = 0, start = 0
    for (panel, width) in zip(row.panels, row.widths) {
      let top = Softmax.maximum(panel, count: width)
      if top > best {
        best = top
        token = start
        while token - start < width - 1, panel[token - start] != top { token += 1 }
      }
      start += width
    }
    return token
  }

  /// Draws among the kept tokens. Only those are ordered: the cut-off starts near the likeliest and falls until what
  /// is above it decides the question.
  private func drawTruncated(
    _ row: LogitRow, _ scale: Float, _ normalizer: Float, _ uniform: Double, _ thread: Int, _ logprob: (Int) -> Float
  ) -> (token: Int32, logprob: Float) {
    let p = scratch[thread].base
    var count = 0
    for (panel, width) in zip(row.panels, row.widths) {
      _ = Softmax.probabilities(panel, count: width, scale: scale, logNormalizer: normalizer, p + count)
      count += width
    }
    let top = Softmax.maximum(p, count: count)
    let topK = settings.topK > 0 ? min(settings.topK, count) : count
    // With both, top-p is a share of what top-k leaves, so all of that must be gathered.
    let sharesTopK = settings.topK > 0 && settings.topP < 1, massDecides = settings.topK == 0 && settings.topP < 1
    var kept: [(token: Int, p: Float)] = []
    var cutoff = top * 1e-3
    while true {
      kept = []
      var mass = 0.0
      for i in 0..<count where p[i] >= cutoff {
        kept.append((i, p[i]))
        mass += Double(p[i])
      }
      let enough =
        kept.count >= topK || massDecides && mass >= Double(settings.topP)
        || !sharesTopK && cutoff <= top * settings.minP
      if enough || cutoff == 0 { break }
      cutoff = cutoff < 1e-30 ? 0 : cutoff * 1e-3
    }
    kept.sort { $0.p != $1.p ? $0.p > $1.p : $0.token < $1.token }
    if kept.count > topK { kept.removeLast(kept.count - topK) }
    if settings.topP < 1 { keepNucleus(&kept) }
    if settings.minP > 0 { kept.removeAll { $0.p < settings.minP * top } }
    let mass = kept.reduce(0.0) { $0 + Double($1.p) }
    var sum = 0.0
    for (token, p) in kept {
      sum += Double(p)
      if sum > uniform * mass { return (Int32(token), logprob(token) - naturalLog(Float(mass))) }
    }
    let last = kept[kept.count - 1].token
    return (Int32(last), logprob(last) - naturalLog(Float(mass)))
  }

  /// The shortest prefix of the ordered tokens whose share of their mass reaches top-p; never none.
  private func keepNucleus(_ kept: inout [(token: Int, p: Float)]) {
    // After top-k the share is of what top-k left, as in transformers; without it, of the whole distribution.
    let whole = settings.topK > 0 ? kept.reduce(0.0) { $0 + Double($1.p) } : 1
    var sum = 0.0
    for i in kept.indices {
      sum += Double(kept[i].p)
      if sum >= Double(settings.topP) * whole {
        kept.removeLast(kept.count - 1 - i)
        return
      }
    }
  }
}
