import Kernels
import Testing

@Suite struct RandomTests {
  /// The known answers that Random123 publishes for philox4x32-10 (its file kat_vectors).
  @Test func philoxKnownAnswers() {
    let ones = UInt32.max
    let zero = Philox.block(counter: (0, 0, 0, 0), key: (0, 0))
    #expect(zero == (0x6627_E8D5, 0xE169_C58D, 0xBC57_AC4C, 0x9B00_DBD8))
    let full = Philox.block(counter: (ones, ones, ones, ones), key: (ones, ones))
    #expect(full == (0x408F_276D, 0x41C8_3B0E, 0xA20B_C7C6, 0x6D54_51FD))
    let pi = Philox.block(
      counter: (0x243F_6A88, 0x85A3_08D3, 0x1319_8A2E, 0x0370_7344), key: (0xA409_3822, 0x299F_31D0))
    #expect(pi == (0xD16C_FE09, 0x94FD_CCEB, 0x5001_E420, 0x2412_6EA1))
  }

  /// Stored steps rerun to the same bytes only while these stay as they are. (The values are those of a second
  /// implementation, in Python.)
  @Test func theDrawsOfARolloutArePinned() {
    let random = RolloutRandom(seed: 1, step: 2, prompt: 3, sample: 4)
    #expect(random.uniform(position: 0) == 0.6299473298636654)
    #expect(random.uniform(position: 1) == 0.4597953500495835)
    #expect(random.uniform(position: 1 << 40) == 0.9836425461660351)
  }

  @Test func everyPartOfTheKeyMatters() {
    var seen = Set<UInt64>()
    func take(_ seed: UInt64, _ step: UInt64, _ prompt: UInt64, _ sample: UInt64) {
      let random = RolloutRandom(seed: seed, step: step, prompt: prompt, sample: sample)
      for position in [0, 1, 2, 1 << 32, 1 << 33] { seen.insert(random.uniform(position: position).bitPattern) }
    }
    let values: [UInt64] = [0, 1, 2, 1 << 32, .max]
    for a in values { for b in values { for c in values { for d in values { take(a, b, c, d) } } } }
    #expect(seen.count == 5 * 5 * 5 * 5 * 5, "two keys or positions give the same number")
  }

  @Test func uniformOverItsRange() {
    let count = 100_000
    for (name, draw) in [
      ("positions", { (i: Int) in RolloutRandom(seed: 7, step: 0, prompt: 1, sample: 0).uniform(position: i) }),
      ("samples", { i in RolloutRandom(seed: 7, step: 0, prompt: 1, sample: UInt64(i)).uniform(position: 0) }),
      ("prompts", { i in RolloutRandom(seed: 7, step: 0, prompt: UInt64(i), sample: 0).uniform(position: 0) }),
      ("seeds", { i in RolloutRandom(seed: UInt64(i), step: 0, prompt: 1, sample: 0).uniform(position: 0) }),
    ] {
      var bins = [Double](repeating: 0, count: 100), pairs = bins, last = 0.0
      for i in 0..<count {
        let u = draw(i)
        #expect(u >= 0 && u < 1)
        bins[Int(u * 100)] += 1
        pairs[Int(u * 10) * 10 + Int(last * 10)] += 1
        last = u
      }
      for (what, observed) in [("values", bins), ("neighbours", pairs)] {
        let square = observed.reduce(0.0) { $0 + ($1 - 1000) * ($1 - 1000) / 1000 }
        // 99 degrees of freedom: mean 99, deviation 14.1
        #expect(square > 43 && square < 170, "\(what) over \(name): chi-square \(square)")
      }
    }
  }

  @Test func normalHasItsMoments() {
    let random = RolloutRandom(seed: 5, step: 0, prompt: 0, sample: 0), count = 100_000
    let values = (0..<count).map { Double(random.normal(position: $0)) }
    func moment(_ power: Int) -> Double {
      values.reduce(0.0) { sum, x in sum + (0..<power).reduce(1.0) { value, _ in value * x } } / Double(count)
    }
    #expect(abs(moment(1)) < 0.015 && abs(moment(2) - 1) < 0.02)
    #expect(abs(moment(3)) < 0.04 && abs(moment(4) - 3) < 0.15)
    #expect(values.allSatisfy { $0.isFinite })
  }
}
