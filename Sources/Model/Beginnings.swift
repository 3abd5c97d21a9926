/// What groups of prompts begin with, such as a system prompt, so that it is computed once for all of them.
package struct Beginnings: Equatable, Sendable {
  /// The fewest tokens that pay for a segment of their own.
  static let fewest = 16
  /// How often prompts may part from each other before the rest is not searched: bounds the recursion.
  private static let depth = 64

  /// The tokens of each.
  package private(set) var list: [[Int32]] = []
  /// For each prompt, which of `list` it begins with; nil where it shares nothing. At least one token more follows.
  package private(set) var of: [Int?]

  /// Chooses the beginnings that save the most tokens, each prompt having one at most: where prompts part, either
  /// what is common so far is shared by all of them, or each branch is treated by itself.
  package init(_ prompts: [[Int32]]) {
    of = [Int?](repeating: nil, count: prompts.count)
    let order = prompts.indices.sorted {
      prompts[$0] == prompts[$1] ? $0 < $1 : prompts[$0].lexicographicallyPrecedes(prompts[$1])
    }
    let choice = Self.choose(order[...], prompts, depth: Self.depth)
    // In the order in which prompts first need them.
    for (members, count) in choice.shared.sorted(by: { $0.members.min()! < $1.members.min()! }) {
      for member in members { of[member] = list.count }
      list.append(Array(prompts[members.first!].prefix(count)))
    }
  }

  /// How many of a prompt's tokens its beginning holds.
  func count(of prompt: Int) -> Int { of[prompt].map { list[$0].count } ?? 0 }

  private typealias Choice = (saved: Int, shared: [(members: ArraySlice<Int>, count: Int)])

  /// - Parameter order: Prompts in lexicographic order, so that what the first and the last have in common all have.
  private static func choose(_ order: ArraySlice<Int>, _ prompts: [[Int32]], depth: Int) -> Choice {
    guard order.count > 1, let first = order.first, let last = order.last else { return (0, []) }
    let common = zip(prompts[first], prompts[last]).prefix { $0 == $1 }.count
    // The shortest of those that have no more than the common tokens comes first in this order.
    let usable = min(common, prompts[first].count - 1)
    let together: Choice =
      usable >= fewest ? ((order.count - 1) * usable, [(order, usable)]) : (0, [])
    // Equal prompts cannot part any further.
    guard depth > 0, common < prompts[last].count else { return together }
    var apart: Choice = (0, [])
    var start = order.startIndex
    while start < order.endIndex {
      let next = prompts[order[start]].dropFirst(common).first
      let end = order[start...].firstIndex { prompts[$0].dropFirst(common).first != next } ?? order.endIndex
      let branch = choose(order[start..<end], prompts, depth: depth - 1)
      apart.saved += branch.saved
      apart.shared += branch.shared
      start = end
    }
    return apart.saved > together.saved ? apart : together
  }
}
