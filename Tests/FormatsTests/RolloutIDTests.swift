import Formats
import Testing

@Suite struct RolloutIDTests {
  private let id = RolloutID.make(seed: 1, step: 2, promptID: "p", sample: 3, policy: "xxh3-128:ab")

  @Test func hexAndBytesGoBackAndForth() throws {
    #expect(id.hex.utf8.count == 32)
    #expect(RolloutID(hex: id.hex) == id)
    #expect(RolloutID(hex: id.hex.uppercased()) == id)
    #expect(RolloutID(bytes: id.bytes) == id)
    #expect(Digest.hex(id.bytes) == id.hex)
    #expect(RolloutID(hex: "12") == nil)
    #expect(RolloutID(hex: String(repeating: "g", count: 32)) == nil)
    #expect(RolloutID(bytes: [1, 2, 3]) == nil)
  }

  /// The key is part of the format (docs/format.md): this is XXH3-128 of its text, as `xxh128sum` prints it.
  @Test func anIdIsTheDigestOfItsKey() {
    let key = "rollbook rollout 1\n1\n2\np\n3\nxxh3-128:ab"
    #expect("xxh3-128:" + id.hex == Digest.xxh3(key))
  }

  @Test func everyPartOfTheKeyCounts() {
    let others: [RolloutID] = [
      .make(seed: 2, step: 2, promptID: "p", sample: 3, policy: "xxh3-128:ab"),
      .make(seed: 1, step: 1, promptID: "p", sample: 3, policy: "xxh3-128:ab"),
      .make(seed: 1, step: 2, promptID: "q", sample: 3, policy: "xxh3-128:ab"),
      .make(seed: 1, step: 2, promptID: "p", sample: 0, policy: "xxh3-128:ab"),
      .make(seed: 1, step: 2, promptID: "p", sample: 3, policy: "xxh3-128:ac"),
    ]
    #expect(Set(others + [id]).count == 6)
  }

  @Test func prefixesSelectRanges() throws {
    for count in 1...32 {
      let prefix = String(id.hex.prefix(count))
      #expect(id.hasPrefix(prefix))
      let range = try #require(RolloutID.range(hexPrefix: prefix))
      #expect(range.contains(id))
      #expect(range.lowerBound.hex.hasPrefix(prefix) && range.upperBound.hex.hasPrefix(prefix))
      #expect(range.lowerBound.hex.dropFirst(count).allSatisfy { $0 == "0" })
      #expect(range.upperBound.hex.dropFirst(count).allSatisfy { $0 == "f" })
    }
    #expect(!id.hasPrefix(""))
    #expect(!id.hasPrefix("xyz"))
    #expect(RolloutID.range(hexPrefix: String(repeating: "0", count: 33)) == nil)
  }

  @Test func idsSortAsTheirHexDoes() {
    let ids = (0..<50).map { RolloutID.make(["\($0)"]) }
    #expect(ids.sorted().map(\.hex) == ids.map(\.hex).sorted())
  }
}
