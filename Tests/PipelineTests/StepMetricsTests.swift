import Formats
import Pipeline
import Testing

@Suite struct StepMetricsTests {
  typealias Response = StepMetrics.Response

  private func dictionary(_ values: [(name: String, value: Double)]) -> [String: Double] {
    #expect(Set(values.map(\.name)).count == values.count)
    return Dictionary(uniqueKeysWithValues: values.map { ($0.name, $0.value) })
  }

  @Test func rewardsLengthsAndEndings() {
    let responses = [
      Response(group: 0, reward: 1.5, components: [1, 0.5], length: 4, finish: .stop, staleness: 0),
      Response(group: 0, reward: 0.5, components: [0, 0.5], length: 8, finish: .length, staleness: 2),
      Response(group: 1, reward: 0, components: [0, nil], length: 2, finish: .stop, staleness: nil),
      Response(group: 1, reward: 0, components: [0, nil], length: 8, finish: .stopString, staleness: 4),
      Response(group: 2, reward: 2, components: [2, nil], length: 6, finish: .stop),
      Response(group: 3, reward: nil, components: [nil, nil], length: 1, finish: .stop),
    ]
    let values = dictionary(StepMetrics(components: ["math", "format"], tokenLimit: 8, responses).values)
    #expect(values["reward_min"] == 0 && values["reward_max"] == 2)
    #expect(
      abs(
        (values["reward_std"] ?? 0) - (0.7 * 0.7 + 0.3 * 0.3 + 2 * 0.8 * 0.8 + 1.2 * 1.2).squareRoot()
          / 5.0.squareRoot()) < 1e-12)
    #expect(values["component.math"] == 0.6 && values["component.math.max"] == 2)
    #expect(values["component.format"] == 0.5 && values["component.format.std"] == 0)
    #expect(values["component.format.min"] == 0.5)
    #expect(values["pass_rate"] == 2.0 / 6)
    #expect(values["response_length_correct"] == 5 && values["response_length_wrong"] == 6)
    // Of the groups 0 and 1, which have several scored responses.
    #expect(values["zero_variance_share"] == 0.5)
    #expect(values["finish_stop"] == 4.0 / 6 && values["finish_length"] == 1.0 / 6)
    #expect(values["finish_stop_string"] == 1.0 / 6 && values["length_cap_share"] == 2.0 / 6)
    #expect(values["staleness_mean"] == 2 && values["staleness_max"] == 4)
  }

  @Test func nothingIsInvented() {
    #expect(StepMetrics(components: ["math"], tokenLimit: 8, []).values.isEmpty)
    let bare = Response(group: 0, reward: nil, components: [], length: 3, finish: .length)
    let names = StepMetrics(components: [], tokenLimit: 0, [bare]).values.map(\.name)
    #expect(names == ["finish_stop", "finish_stop_string", "finish_length", "length_cap_share"])
    #expect(ImportanceWeights().values.isEmpty)
  }

  @Test func weightsOfTheSampler() {
    var same = ImportanceWeights()
    same.add(old: [-1, -2], behaviour: [-1, -2])
    same.add(old: [], behaviour: [])
    #expect(same.values.map(\.value) == [1, 1])

    // w = 2, 1/2 and a masked one; then 2: responses of weight 1 and 2.
    var far = ImportanceWeights()
    let two = Float(0.6931471805599453)
    far.add(old: [0, -two, 9], behaviour: [-two, 0, 0], mask: [true, true, false])
    far.add(old: [0], behaviour: [-two])
    let values = dictionary(far.values)
    #expect(abs((values["behaviour_effective_share"] ?? 0) - 4.5 * 4.5 / (3 * 8.25)) < 1e-7)
    #expect(abs((values["behaviour_effective_share_sequence"] ?? 0) - 9.0 / 10) < 1e-7)
  }

  @Test func effectiveShare() {
    #expect(ImportanceWeights.effectiveShare([0, 0, 0, 0]) == 1)
    #expect(ImportanceWeights.effectiveShare([5000, 5000]) == 1)
    #expect(abs(ImportanceWeights.effectiveShare([0, -5000, -6000, -7000]) - 0.25) < 1e-12)
  }
}
