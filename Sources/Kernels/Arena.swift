internal import Glibc

/// One zeroed, page-aligned allocation of floats, cut into regions of 64-byte alignment.
///
/// Everything the model computes with lives in a few of these: no allocation happens inside a step.
package final class Arena: @unchecked Sendable {
  package let count: Int
  package let base: UnsafeMutablePointer<Float>
  private let bytes: Int

  /// - Parameters:
  ///   - count: floats. The memory is committed when it is first touched.
  ///   - hugePages: false for memory that is reserved for the worst case and mostly stays untouched.
  package init(count: Int, hugePages: Bool = true) {
    self.count = count
    bytes = max(count, 1) * MemoryLayout<Float>.stride
    let memory = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let memory, memory != MAP_FAILED else {
      preconditionFailure("out of address space: \(bytes) bytes")
    }
    madvise(memory, bytes, hugePages ? MADV_HUGEPAGE : MADV_NOHUGEPAGE)
    base = memory.assumingMemoryBound(to: Float.self)
  }

  deinit { munmap(base, bytes) }

  package func zero() { memset(base, 0, bytes) }

  /// Floats that a region of `count` takes, so that the next one starts at a multiple of 64 bytes.
  package static func padded(_ count: Int) -> Int { (count + 15) & ~15 }
}

/// Hands out consecutive regions of an arena that was sized by the same sequence of calls.
package struct ArenaPlan {
  package private(set) var count = 0
  package init() {}

  /// Reserves `count` floats and returns where they start.
  package mutating func region(_ count: Int) -> Int {
    defer { self.count += Arena.padded(count) }
    return self.count
  }
}
