import Model
import Testing

@Suite struct PackedBatchTests {
  @Test func beginningsThatSaveMost() {
    func tokens(_ range: Range<Int32>) -> [Int32] { Array(range) }
    let a = tokens(0..<40), b = tokens(100..<140)
    let none = Beginnings([a, b, tokens(200..<230)])
    #expect(none.list.isEmpty && none.of == [nil, nil, nil])
    // Two system prompts, one prompt without any.
    let two = Beginnings([a + [1], b + [1, 2], a + [2], tokens(200..<230), b + [3], a + [3, 4]])
    #expect(two.list == [a, b] && two.of == [0, 1, 0, nil, 1, 0])
    // A prompt that all others begin with keeps its last token for itself, and so does one that is there twice.
    let nested = Beginnings([a, a + [7], a + [8]])
    #expect(nested.list == [Array(a.dropLast())] && nested.of == [0, 0, 0])
    #expect(Beginnings([a, a]).list == [Array(a.dropLast())])
    // 20 tokens shared by four, or 60 by each two: the longer ones save more.
    let head = tokens(0..<20), left = head + tokens(300..<340), right = head + tokens(400..<440)
    let split = Beginnings([left + [1], right + [1], left + [2], right + [2]])
    #expect(split.list == [left, right] && split.of == [0, 1, 0, 1])
    // 20 tokens shared by four, or 24 by two and nothing by the rest.
    let few = Beginnings([head + [1, 1, 1, 1, 1], head + [1, 1, 1, 1, 2], head + [2], head + [3]])
    #expect(few.list == [head])
    #expect(Beginnings([tokens(0..<16), tokens(0..<16)]).list.isEmpty, "15 tokens do not pay")
    #expect(Beginnings([]).list.isEmpty && Beginnings([[]]).of == [nil])
  }

  /// Each prompt has at most one beginning, which it does begin with, and at least one token more.
  @Test func beginningsOfRandomPrompts() {
    var numbers = Numbers(seed: 3)
    for _ in 0..<200 {
      let heads = (0..<3).map { _ in numbers.tokens(Int(numbers.next() % 60), below: 3) }
      let prompts = (0..<Int(numbers.next() % 20)).map { _ in
        heads[Int(numbers.next() % 3)].prefix(Int(numbers.next() % 60)) + numbers.tokens(Int(numbers.next() % 3), below: 2)
      }.map(Array.init)
      let found = Beginnings(prompts)
      for (prompt, index) in zip(prompts, found.of) {
        guard let index else { continue }
        #expect(prompt.starts(with: found.list[index]) && prompt.count > found.list[index].count)
      }
      for index in found.list.indices { #expect(found.of.count { $0 == index } > 1 && found.list[index].count >= 16) }
    }
  }

  /// A chain of prompts, each the beginning of the next: the search ends.
  @Test func nestedPrompts() {
    let found = Beginnings((1...2000).map { Array(repeating: 5, count: $0) })
    #expect(!found.list.isEmpty)
  }

  @Test func batchesHoldEverySequenceOnce() {
    var numbers = Numbers(seed: 9)
    for round in 0..<100 {
      let head = numbers.tokens(20, below: 50)
      var sequences: [PackedSequence] = []
      for family in 0..<Int(1 + numbers.next() % 9) {
        let prompt = (family % 2 == 0 ? head : []) + numbers.tokens(1 + Int(numbers.next() % 20), below: 50)
        for sample in 0..<Int(1 + numbers.next() % 6) {
          sequences.append(
            PackedSequence(
              prompt: prompt, response: numbers.tokens(1 + Int(numbers.next() % 30), below: 50), family: family,
              together: round % 2 == 0 ? sample : sample / 2))
        }
      }
      let limit = 60 + Int(numbers.next() % 200)
      let batches = PackedBatch.pack(sequences, limit: limit)
      #expect(batches.flatMap(\.sequences).sorted() == Array(sequences.indices))
      for packed in batches {
        for (index, range) in zip(packed.sequences, packed.ranges) {
          #expect(packed.batch.heads[range].map(\.target) == sequences[index].response)
        }
        let units = Set(packed.sequences.map { "\(sequences[$0].family) \(sequences[$0].together)" })
        #expect(packed.batch.rows <= limit || units.count == 1)
        for other in batches where other.sequences != packed.sequences {
          let shared = units.intersection(other.sequences.map { "\(sequences[$0].family) \(sequences[$0].together)" })
          #expect(shared.isEmpty, "what belongs together was parted")
        }
      }
    }
  }

  /// 16 x 109 rows with room for 1024: two halves, not 9 and 7.
  @Test func batchesAreEven() {
    let sequences = (0..<16).map { i in
      PackedSequence(
        prompt: (0..<50).map { Int32($0 + 100 * i) }, response: [Int32](repeating: 1, count: 60), family: i, together: i)
    }
    let batches = PackedBatch.pack(sequences, limit: 1024)
    #expect(batches.map(\.batch.rows) == [8 * 109, 8 * 109])
    #expect(PackedBatch.pack([], limit: 10).isEmpty)
    #expect(PackedBatch.pack(sequences, limit: 1).count == 16)
  }
}
