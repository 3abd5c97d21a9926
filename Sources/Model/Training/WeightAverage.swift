package import Formats
package import Kernels

/// An exponential moving average of what is trained, taken after every update: a ← decay·a + (1 − decay)·p. It begins
/// as the weights themselves. An adapter's two matrices are averaged each on its own.
package final class WeightAverage {
  private let decay: Float
  private let trainable: Trainable
  private let restored: Safetensors?
  private var arenas: [Arena]?

  /// - Parameter restored: the average to go on with.
  package init(_ trainable: Trainable, decay: Float, restored: Safetensors?) {
    (self.decay, self.trainable, self.restored) = (decay, trainable, restored)
  }

  /// Before the first update.
  /// - Throws: `missing` or `badInput` naming the tensor.
  package func takeUp(_ pool: ThreadPool) throws {
    guard arenas == nil else { return }
    let fresh = trainable.parts.map { part in
      let arena = Arena(count: part.values.count)
      arena.base.update(from: part.values.base, count: part.values.count)
      return arena
    }
    if let restored { try tensors(fresh).read(from: restored, pool) }
    arenas = fresh
  }

  package func update(_ pool: ThreadPool) {
    let decay = decay
    for (part, average) in zip(trainable.parts, arenas ?? []) {
      let a = average.base, p = part.values.base
      pool.split(part.values.count, grain: 4096) { range, _ in
        for i in range { a[i] = decay * a[i] + (1 - decay) * p[i] }
      }
    }
  }

  /// Under the parameters' own names.
  package func tensors(_ pool: ThreadPool) throws -> [NamedTensor] {
    try takeUp(pool)
    return tensors(arenas ?? [])
  }

  private func tensors(_ arenas: [Arena]) -> [NamedTensor] {
    zip(trainable.parts, arenas).flatMap { part, arena in
      part.entries.map { NamedTensor($0.name, $0.shape, arena.base + $0.offset) }
    }
  }
}
