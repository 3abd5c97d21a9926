internal import ArgumentParser

/// `K/N`: every N-th shard, from the K-th on.
struct ShardShare: ExpressibleByArgument {
  let index: Int
  let count: Int

  init?(argument: String) {
    let parts = argument.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
    guard parts.count == 2, let index = parts[0], let count = parts[1], count > 0, (0..<count).contains(index) else {
      return nil
    }
    self.index = index
    self.count = count
  }

  func holds(_ shard: Int) -> Bool { shard % count == index }
}
