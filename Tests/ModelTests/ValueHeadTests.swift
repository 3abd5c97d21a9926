import Formats
import Kernels
import Model
import Testing

@Suite struct ValueHeadTests {
  private static func head(_ model: GoldenModel, _ c: ModelConfiguration) throws -> ValueHead {
    let head = ValueHead(c), file = try model.tensors("golden.safetensors")
    for entry in head.entries {
      for (i, value) in try file.read(entry.name).enumerated() { head.arena.base[entry.offset + i] = value }
    }
    return head
  }

  @Test(arguments: GoldenModel.all)
  func valuesAndGradients(model: GoldenModel) throws {
    let harness = try Harness(model.open()), c = harness.configuration, head = try Self.head(model, c)
    let golden = try #require(model.json["value"]), sequences = try #require(golden["sequences"]?.array)
    var batch = Batch()
    let ranges = model.sequences.map { batch.append(sequence: $0.ids) }
    let before = harness.transformer.values(batch, head, store: harness.store)
    let values = harness.transformer.values(batch, head, store: harness.store, saves: true)
    #expect(values.bits == before.bits)
    for (s, range) in zip(sequences, ranges) {
      expectClose(Array(values[range]), s.doubles("values"), 5e-5, "values")
    }
    let d = sequences.flatMap { $0.floats("d") }
    let loss = zip(d, values).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
    #expect(abs(loss - (try #require(golden["loss"]?.double))) <= Limit.loss)
    let gradients = Parameters(c), headGradients = ValueHead(c)
    harness.transformer.backward(
      batch, dValues: d, head, store: harness.store, into: GradientSink(parameters: gradients),
      headGradients: headGradients)
    let file = try model.tensors("value_grads.safetensors")
    for info in file.tensors {
      let expected = try file.read(info.name).map { Double($0) }
      let own = headGradients.entries.first { $0.name == info.name }
      let found = own.map { entry in (0..<entry.count).map { headGradients.arena.base[entry.offset + $0] } }
      let error = relativeError(found ?? gradients.values(info.name), expected)
      #expect(error <= Limit.gradient, "\(info.name)")
    }
    let other = gradients.layout.entries.filter { file.info($0.name) == nil }
    if file.info("model.embed_tokens.weight") != nil {
      #expect(other.allSatisfy { $0.name == "lm_head.weight" && gradients.values($0).allSatisfy { $0 == 0 } })
    }
  }

  /// A reward head looks at one row of each sequence; what else is in the batch does not matter.
  @Test func lastRowsOnly() throws {
    let c = try smallConfiguration(type: "qwen3"), harness = Harness(smallParameters(c)), head = ValueHead(c)
    var numbers = Numbers(seed: 3)
    for (i, value) in numbers.floats(c.hidden + 1).enumerated() { head.arena.base[i] = value }
    let sequences = (1...9).map { numbers.tokens(3 * $0, below: 37) }
    var batch = Batch()
    let last = sequences.map { batch.append(sequence: $0).upperBound - 1 }
    let all = harness.transformer.values(batch, head, store: harness.store)
    batch.heads = last.map { batch.heads[$0] }
    let some = harness.transformer.values(batch, head, store: harness.store)
    expectSame(some, last.map { all[$0] }, "last rows only")
    for (s, value) in zip(sequences, some) {
      var alone = Batch()
      _ = alone.append(sequence: s)
      let found = harness.transformer.values(alone, head, store: harness.store)
      expectSame(Array(found.suffix(1)), [value], "a sequence alone")
    }
  }
}
