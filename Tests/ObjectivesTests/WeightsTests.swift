import Objectives
import Testing

@Suite struct WeightsTests {
  /// The reciprocals of the weights of four sequences with 4, 0, 1 and 5 tokens; 0 stands for no weight.
  @Test(arguments: [
    (Weights.Aggregation.tokenMean, Weights.EmptySequences.count, [10, 0, 10, 10] as [Double]),
    (.seqMeanTokenMean, .count, [16, 0, 4, 20]), (.seqMeanTokenMean, .exclude, [12, 0, 3, 15]),
    (.seqMeanTokenSum, .count, [4, 0, 4, 4]), (.seqMeanTokenSumNorm, .count, [64, 0, 64, 64]),
    (.bnpo, .count, [10, 0, 10, 10]), (.groupMean, .count, [4, 0, 4, 4]),
  ])
  func aggregations(kind: Weights.Aggregation, empty: Weights.EmptySequences, reciprocals: [Double]) {
    let weights = Weights(kind, emptySequences: empty)(lengths: [4, 0, 1, 5], responseLimit: 16)
    let expected: [Double] = reciprocals.map { $0 == 0 ? 0 : 1 / $0 }
    #expect(weights.perSequence == expected)
    #expect(weights.tokenMean == 0.1)
  }

  @Test(arguments: Weights.Aggregation.allCases)
  func anEmptyStepWeighsNothing(aggregation: Weights.Aggregation) {
    for empty in [Weights.EmptySequences.count, .exclude] {
      let weights = Weights(aggregation, emptySequences: empty)
      #expect(weights(lengths: [], responseLimit: 0) == StepWeights(perSequence: [], tokenMean: 0, tokens: 0))
      #expect(weights(lengths: [0, 0], responseLimit: 0).perSequence == [0, 0])
    }
  }

  @Test func constantsReplaceTheStepsOwn() {
    let mean = Weights(.tokenMean, normalizerTokens: 40)(lengths: [2, 3], responseLimit: 8)
    #expect(mean.perSequence == [0.025, 0.025])
    #expect(mean.tokenMean == 0.2)
    #expect(Weights(.seqMeanTokenSumNorm, normConstant: 10)(lengths: [2, 3], responseLimit: 8).perSequence[0] == 0.05)
  }

  @Test func groupsAndMicroBatches() {
    let groups = Weights(.groupMean)(lengths: [4, 2, 1], responseLimit: 8, groups: [0, 0, 5])
    #expect(groups.perSequence == [0.25, 0.25, 0.5])
    #expect(groups.ofSequences == groups.perSequence)
    let parts = Weights(.bnpo)(lengths: [4, 1, 0], responseLimit: 8, microBatches: [[0], [1], [2]])
    #expect(parts.perSequence == [1 / 12.0, 1 / 3.0, 0])
    #expect(Weights(.tokenMean)(lengths: [4, 0], responseLimit: 8).ofSequences == [0.5, 0.5])
  }
}
