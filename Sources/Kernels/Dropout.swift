internal import CKernels

/// Leaves values out by chance and scales up the rest, so that the mean stays. What is left out is a function of the
/// seed, the update, the row's name, the stream and the place in the row: the same in any batch and however often it
/// is asked for, so that nothing has to be kept for the backward pass.
package struct Dropout: Sendable, Equatable {
  /// Of 65536.
  private let threshold: UInt32
  private let scale: Float
  private let key: (UInt32, UInt32)

  /// - Parameter share: of the values that are left out, 0 to less than 1; to 1/65536.
  package init(share: Double, seed: UInt64, update: Int) {
    threshold = UInt32(min(65535, max(0, (share * 65536).rounded())))
    scale = Float(65536 / (65536 - Double(threshold)))
    let mixed = RolloutRandom.mix(RolloutRandom.mix(seed) ^ UInt64(update))
    key = (UInt32(truncatingIfNeeded: mixed), UInt32(truncatingIfNeeded: mixed >> 32))
  }

  package static func == (a: Dropout, b: Dropout) -> Bool { a.threshold == b.threshold && a.key == b.key }

  /// y = what is left of x, added when `accumulate`; both [rows, width].
  /// - Parameters:
  ///   - rows: the rows' names.
  ///   - stream: tells apart what draws for the same rows.
  package func apply(
    _ pool: ThreadPool, _ x: ConstFloatPointer, _ y: FloatPointer, rows: [UInt64], width: Int, stream: Int,
    accumulate: Bool = false
  ) {
    pool.split(rows.count, grain: 4) { range, _ in
      for row in range {
        let name = rows[row]
        let key = [self.key.0, self.key.1]
        let counter = [
          UInt32(truncatingIfNeeded: stream), UInt32(truncatingIfNeeded: name), UInt32(truncatingIfNeeded: name >> 32)
        ]
        ck_dropout(
          x + row * width, y + row * width, width, key, counter, threshold, scale, accumulate ? 1 : 0)
      }
    }
  }
}
