import Inspect
import Testing

@Suite("Statistics of score sets")
struct ScoreStatisticsTests {
  private func isNear(_ value: Double?, _ expected: Double) -> Bool { value.map { abs($0 - expected) < 1e-9 } ?? false }

  /// Cohen's own kind of table: p_o = 35/50, p_e = 0.5 · 0.6 + 0.5 · 0.4.
  @Test func kappaByHand() {
    let table = Confusion(bothPass: 20, onlyA: 5, onlyB: 10, bothFail: 15)
    #expect(isNear(table.agreement, 0.7) && isNear(table.kappa, 0.4))
    #expect(table.flipped == 15 && table.count == 50)
    // Worse than chance: p_o = 0, p_e = 0.5.
    #expect(isNear(Confusion(onlyA: 7, onlyB: 7).kappa, -1))
    #expect(Confusion(bothPass: 9).kappa == nil && Confusion(bothFail: 9).kappa == nil)
    #expect(Confusion(bothPass: 9).agreement == 1 && Confusion().agreement == nil)
  }

  /// Ranks of a are 1, 2.5, 2.5, 4, of b 1, 4, 2.5, 2.5: Σ = 2.25 over √(4.5 · 4.5). Pearson: 1 over √(2 · 602.75).
  @Test func correlationsByHand() {
    let row = PairStatistics(PairTable([(1, 1), (2, 30), (2, 2), (3, 2)]), threshold: 2)
    #expect(isNear(row.spearman, 0.5) && isNear(row.pearson, 1 / (2 * 602.75).squareRoot()))
    #expect(row.meanA == 2 && row.meanB == 8.75 && row.count == 4)
    #expect(row.confusion == Confusion(bothPass: 3, bothFail: 1))
    let curved = PairStatistics(PairTable((1...9).map { (Double($0), -Double($0 * $0 * $0)) }), threshold: 0)
    #expect(isNear(curved.spearman, -1) && curved.pearson.map { $0 > -0.95 } == true)
  }

  @Test func whatHasNoCorrelation() {
    // 0.1 three times has a mean that is not 0.1.
    let constant = PairStatistics(PairTable([(0.1, 1), (0.1, 2), (0.1, 4)]), threshold: 1)
    #expect(constant.pearson == nil && constant.spearman == nil && constant.meanB == 7.0 / 3)
    let none = PairStatistics(PairTable(), threshold: 1)
    #expect(none.count == 0 && none.meanA == nil && none.pearson == nil && none.confusion.count == 0)
    let huge = PairStatistics(PairTable([(1e308, -1e308), (-1e308, 1e308), (1e308, 1e308)]), threshold: 1)
    #expect(huge.pearson == nil && isNear(huge.spearman, -0.5))
  }

  /// The table is compacted on the way; equal pairs weigh as often as they came.
  @Test func manyPairsAreKeptOnce() {
    let pairs = [(0.0, 0.0), (0, 1), (1, 1), (1, 1), (1, 0), (2, 2), (2, 1)]
    let few = PairStatistics(PairTable(pairs), threshold: 1)
    let table = PairTable((0..<30_000).flatMap { _ in pairs })
    let many = PairStatistics(table, threshold: 1)
    #expect(table.count == 210_000 && table.distinct.count == 6)
    #expect(table.distinct.map(\.count).reduce(0, +) == 210_000)
    #expect(isNear(many.pearson, few.pearson ?? .nan))
    #expect(isNear(many.meanA, 1) && many.confusion.bothPass == 120_000)
    // Ranks are of all rollouts: (n + 1)/2 means, which leave Spearman's ρ as it was to 1/n.
    #expect(abs((many.spearman ?? .nan) - (few.spearman ?? .nan)) < 1e-3)
    let distinct = PairTable((0..<100_000).map { (Double($0), Double(99_999 - $0)) })
    #expect(distinct.distinct.count == 100_000 && isNear(PairStatistics(distinct, threshold: 0).spearman, -1))
  }

  /// Of the six pairs: three alike, (2, 3) against (3, 2) opposite, (2, 3) and (3, 3) tied in b, the last two in a.
  @Test func orderByHand() {
    var ranking = Ranking()
    ranking.add([(2, 3), (3, 3), (1, 1), (3, 2)])
    #expect(ranking.same == 3 && ranking.opposite == 1 && ranking.tiedInA == 1 && ranking.tiedInB == 1)
    #expect(ranking.tiedInBoth == 0 && ranking.pairs == 6 && ranking.agreement == 0.75)
    ranking.add([(1, 1)])
    ranking.add([])
    ranking.add([(5, 5), (5, 5)])
    #expect(ranking.tiedInBoth == 1 && ranking.pairs == 7)
    #expect(Ranking().agreement == nil)
  }

  /// Against a count of every pair.
  @Test func orderOfManyGroups() {
    var state: UInt64 = 1
    func next(_ bound: UInt64) -> Double {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Double((state >> 33) % bound)
    }
    for size in 0..<60 {
      let group = (0..<size).map { _ in (a: next(7), b: next(5)) }
      var (same, opposite, a, b, both) = (0, 0, 0, 0, 0)
      for i in group.indices {
        for j in 0..<i {
          let product = (group[i].a - group[j].a) * (group[i].b - group[j].b)
          let equal = (group[i].a == group[j].a, group[i].b == group[j].b)
          if equal == (true, true) { both += 1 } else if equal.0 { a += 1 } else if equal.1 { b += 1 }
          if product > 0 { same += 1 } else if product < 0 { opposite += 1 }
        }
      }
      var ranking = Ranking()
      ranking.add(group)
      #expect(ranking.same == same && ranking.opposite == opposite, "\(size)")
      #expect(ranking.tiedInA == a && ranking.tiedInB == b && ranking.tiedInBoth == both, "\(size)")
    }
  }

  @Test func repetitionByHand() {
    var repetition = Repetition()
    // 17 4-grams, 4 of them distinct.
    #expect(isNear(repetition.share(String(repeating: "a b c d ", count: 5)), 1 - 4.0 / 17))
    #expect(repetition.share(String(repeating: "la ", count: 19)) == nil)
    #expect(isNear(repetition.share(String(repeating: "la\n\t ", count: 20)), 1 - 1.0 / 17))
    #expect(repetition.share((0..<500).map { "w\($0)" }.joined(separator: " ")) == 0)
    #expect(repetition.share("") == nil && repetition.share("\n \t") == nil)
    // A word that differs anywhere is another: 17 4-grams of which the last four have it.
    #expect(isNear(repetition.share(String(repeating: "la ", count: 19) + "lä"), 1 - 2.0 / 17))
  }

  @Test func momentsByHand() {
    var moments = Comoments()
    for (x, y) in [(1.0, 2.0), (2, 1), (3, 4), (4, 3)] { moments.add(x, y) }
    // Σ dx dy = 3, Σ dx² = Σ dy² = 5.
    #expect(isNear(moments.correlation, 0.6) && moments.meanX == 2.5 && moments.meanY == 2.5)
    for error in [moments.errorX, moments.errorY] { #expect(isNear(error, (5.0 / 3 / 4).squareRoot())) }
    // Within groups: the groups' means go opposite ways, their members alike.
    var inside = Comoments()
    inside.add(deviationsOf: [(0, 10), (1, 11)])
    inside.add(deviationsOf: [(10, 0), (11, 1)])
    #expect(isNear(inside.correlation, 1) && inside.count == 4)
    #expect(Comoments().correlation == nil && Comoments().errorX == nil)
    var constant = Comoments()
    for _ in 0..<9 { constant.add(0.1, 3) }
    #expect(constant.correlation == nil && constant.errorX == 0)
  }

  @Test func sidesOfTheMean() {
    #expect(ScoreSignals.sides([1, 1, 4]) == [-1, -1, 1])
    #expect(ScoreSignals.sides([1, 2, 3]) == [-1, 0, 1])
    #expect(ScoreSignals.sides([0.1, 0.1, 0.1]) == [0, 0, 0])
    #expect(ScoreSignals.sides([0.1, 0.2, 0.3]) == [-1, 0, 1])
    #expect(ScoreSignals.sides([]).isEmpty)
  }
}
