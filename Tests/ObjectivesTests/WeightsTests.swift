import Objectives
import Testing

@Suite struct WeightsTests {
  /// The reciprocals of the weights of four sequences with 4, 0, 1 and 5 tokens; 0 stands for no weight.
  @Test(arguments: [
    (Weights.Aggregation.tokenMean, Weights.EmptySequences.count, [10, 0, 10, 10] as [Double]),
    (.seqMeanTokenMean, .count, [16, 0, 4, 20]), (.seqMeanTokenMean, .exclude, [12, 0, 3, 15]),
    (.seqMeanTokenSum, .count, [4, 0, 4, 4]), (.seqMeanTokenSumNorm, .count, [64, 0, 64, 64]),
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
}
