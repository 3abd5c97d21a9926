package import Kernels

/// As many numbers as a trainable has, in its order: gradients, directions, a copy of its values.
package final class TrainedVector {
  package let arena: Arena
  let pool: ThreadPool
  /// Where each part begins, and its length.
  private let ranges: [Range<Int>]

  fileprivate init(_ trainable: Trainable, _ pool: ThreadPool) {
    var ranges: [Range<Int>] = [], start = 0
    for part in trainable.parts {
      ranges.append(start..<start + part.values.count)
      start += part.values.count
    }
    (self.ranges, self.pool) = (ranges, pool)
    arena = Arena(count: start)
  }

  private init(like other: TrainedVector) {
    (ranges, pool) = (other.ranges, other.pool)
    arena = Arena(count: other.arena.count)
  }

  /// Where a part of the trainable begins.
  package func part(_ index: Int) -> FloatPointer { arena.base + ranges[index].lowerBound }

  /// The same for any number of threads.
  package func dot(_ other: TrainedVector) -> Double {
    let block = 1 << 16, count = arena.count, blocks = (count + block - 1) / block
    var sums = [Double](repeating: 0, count: blocks)
    sums.withUnsafeMutableBufferPointer { sums in
      nonisolated(unsafe) let sums = sums
      pool.run(parts: blocks) { part, _ in
        let x = arena.base + part * block, y = other.arena.base + part * block
        var sum = 0.0
        for i in 0..<min(block, count - part * block) { sum += Double(x[i]) * Double(y[i]) }
        sums[part] = sum
      }
    }
    return sums.reduce(0, +)
  }

  /// self += scale · other
  package func add(_ scale: Double, _ other: TrainedVector) {
    let scale = Float(scale)
    pool.split(arena.count, grain: 16) { range, _ in
      for i in range { arena.base[i] += scale * other.arena.base[i] }
    }
  }

  package func scaled(_ factor: Double) -> TrainedVector {
    let copy = TrainedVector(like: self), factor = Float(factor)
    if factor == 0 { return copy }
    pool.split(arena.count, grain: 16) { range, _ in
      for i in range { copy.arena.base[i] = factor * arena.base[i] }
    }
    return copy
  }
}

extension Trainable {
  /// A copy of the gradients, times a factor.
  package func gradientVector(_ pool: ThreadPool, scale: Float) -> TrainedVector {
    vector(pool) { part, target in
      for i in 0..<part.gradients.count { target[i] = scale * part.gradients.base[i] }
    }
  }

  /// A copy of the values.
  package func valueVector(_ pool: ThreadPool) -> TrainedVector {
    vector(pool) { part, target in target.update(from: part.values.base, count: part.values.count) }
  }

  private func vector(_ pool: ThreadPool, _ fill: (Part, FloatPointer) -> Void) -> TrainedVector {
    let vector = TrainedVector(self, pool)
    for (index, part) in parts.enumerated() { fill(part, vector.part(index)) }
    return vector
  }

  /// values = start + scale · direction; what is frozen stays.
  package func move(from start: TrainedVector, _ scale: Double, _ direction: TrainedVector) {
    let scale = Float(scale)
    for (index, part) in parts.enumerated() {
      let a = start.part(index), d = direction.part(index)
      for entry in part.moving {
        for i in entry.offset..<entry.offset + entry.count { part.values.base[i] = a[i] + scale * d[i] }
      }
    }
  }

  /// The head's matrix [vocabulary, hidden] among a copy of the values; the model's own where it is not trained.
  package func tokenHead(in values: TrainedVector) -> ConstFloatPointer {
    adapter == nil
      ? ConstFloatPointer(values.part(0) + policy.layout.head)
      : ConstFloatPointer(policy.arena.base + policy.layout.head)
  }
}
