import Foundation
import Kernels
import Testing

@Suite struct ThreadPoolTests {
  /// Counts what a run does: how often each part ran, and how many parts each thread took.
  private final class Tally: @unchecked Sendable {
    var parts: [Int]
    var threads: [Int]
    init(parts: Int, threads: Int) {
      self.parts = [Int](repeating: 0, count: parts)
      self.threads = [Int](repeating: 0, count: threads)
    }

    func run(_ pool: ThreadPool) {
      let count = parts.count
      parts.withUnsafeMutableBufferPointer { parts in
        threads.withUnsafeMutableBufferPointer { threads in
          nonisolated(unsafe) let (parts, threads) = (parts, threads)
          pool.run(parts: count) { part, thread in
            parts[part] += 1
            // Two threads with one number would lose counts here.
            threads[thread] += 1
          }
        }
      }
    }
  }

  @Test(arguments: 1...5)
  func everyPartOnce(threads: Int) {
    let pool = ThreadPool(threads: threads)
    for parts in [0, 1, 2, 3, 7, 64, 1000, 10_007, 5, 1] {
      let tally = Tally(parts: parts, threads: threads)
      tally.run(pool)
      #expect(tally.parts.allSatisfy { $0 == 1 }, "\(parts) parts")
      #expect(tally.threads.reduce(0, +) == parts, "\(parts) parts")
    }
    let none = Tally(parts: 0, threads: threads)
    pool.run(parts: -3) { _, _ in none.threads[0] += 1 }
    #expect(none.threads[0] == 0)
  }

  @Test func splitCoversAndIsAFunctionOfTheSizes() {
    for threads in 1...5 {
      let pool = ThreadPool(threads: threads)
      for (total, grain) in [(0, 1), (1, 1), (1, 8), (5, 8), (64, 8), (65, 8), (1000, 7), (1000, 1), (3, 64)] {
        var earlier: [Range<Int>]?
        for _ in 0..<5 {
          var ranges = [Range<Int>](repeating: 0..<0, count: total + 1)
          ranges.withUnsafeMutableBufferPointer { ranges in
            nonisolated(unsafe) let ranges = ranges
            pool.split(total, grain: grain) { range, thread in
              if thread < threads { ranges[range.lowerBound] = range }
            }
          }
          let found = ranges.filter { !$0.isEmpty }
          #expect(found.flatMap { Array($0) } == Array(0..<total), "\(total) by \(grain) on \(threads)")
          #expect(found.allSatisfy { $0.lowerBound % grain == 0 } && found.count <= threads)
          #expect(earlier == nil || earlier == found)
          earlier = found
        }
      }
    }
  }

  /// Thousands of short loops, as decoding one token has: no run may start before the last one has ended.
  @Test(arguments: [2, 3, 4])
  func manyRapidRuns(threads: Int) {
    let pool = ThreadPool(threads: threads), size = 16
    let values = UnsafeMutableBufferPointer<Int>.allocate(capacity: size)
    defer { values.deallocate() }
    values.initialize(repeating: 0)
    nonisolated(unsafe) let shared = values
    let runs = threads == 2 ? 20_000 : 4000  // more threads than processors take turns
    for run in 0..<runs {
      let parts = 1 + run % size
      // Each part reads what another one wrote in the run before.
      pool.run(parts: parts) { part, _ in shared[part] += 1 }
    }
    for part in 0..<size {
      let expected = (0..<runs).count { 1 + $0 % size > part }
      #expect(values[part] == expected)
    }
  }

  @Test func sleepingMembersWake() {
    let pool = ThreadPool(threads: 3)
    for _ in 0..<20 {
      usleep(3000)
      let tally = Tally(parts: 50, threads: 3)
      tally.run(pool)
      #expect(tally.parts.allSatisfy { $0 == 1 })
    }
  }

  @Test func poolsComeAndGo() {
    for round in 0..<200 {
      let pool = ThreadPool(threads: 1 + round % 4)
      let tally = Tally(parts: round % 5, threads: pool.count)
      tally.run(pool)
      #expect(tally.parts.allSatisfy { $0 == 1 })
    }
  }

  @Test func aPoolWithinAPartOfAnother() {
    let outer = ThreadPool(threads: 2), sums = UnsafeMutableBufferPointer<Int>.allocate(capacity: 6)
    defer { sums.deallocate() }
    sums.initialize(repeating: 0)
    nonisolated(unsafe) let shared = sums
    outer.run(parts: 6) { part, _ in
      let inner = ThreadPool(threads: 2), tally = Tally(parts: 10 * part, threads: 2)
      tally.run(inner)
      shared[part] = tally.parts.reduce(0, +)
    }
    #expect(Array(sums) == [0, 10, 20, 30, 40, 50])
  }
}
