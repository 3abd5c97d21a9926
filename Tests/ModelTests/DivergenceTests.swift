import Foundation
import Kernels
import Model
import Testing

/// KL(old ‖ new) over whole distributions, and the vectors that TRPO's steps are made of.
@Suite struct DivergenceTests {
  /// Against distributions written out in double, at more rows than a block and more words than a chunk hold.
  @Test(arguments: [(37, true, Float(1)), (37, false, 0.7), (5000, true, 1.3)])
  func slowTwinAgrees(vocabulary: Int, tied: Bool, temperature: Float) throws {
    let c = try smallConfiguration(vocabulary: vocabulary, tied: tied)
    let p = smallParameters(c)
    let harness = Harness(p)
    let pool = harness.matmul.pool
    let trainable = try Trainable(p)
    var batch = Batch()
    var numbers = Numbers(seed: 9)
    let prompt = numbers.tokens(5, below: vocabulary)
    let responses = (vocabulary < 100 ? [50, 1, 33] : [6, 3]).map { numbers.tokens($0, below: vocabulary) }
    let ranges = batch.append(prompt: prompt, responses: responses)
    let transformer = harness.transformer
    let old = ReferenceModel(p)
    let before = transformer.forward(batch, store: harness.store, temperature: temperature)
    let distributions = transformer.distributions(batch, before)
    let start = trainable.valueVector(pool)
    let same = transformer.divergence(
      from: distributions, weight: trainable.tokenHead(in: start), batch, before, temperature: temperature)
    #expect(same.count == batch.heads.count && same.allSatisfy { abs($0) < 1e-6 }, "nothing has moved")

    let direction = trainable.gradientVector(pool, scale: 0)
    for i in 0..<direction.arena.count { direction.arena.base[i] = Float(numbers.uniform() - 0.5) }
    trainable.move(from: start, 0.05, direction)
    p.round(for: harness.matmul)
    let new = ReferenceModel(p)
    let after = transformer.evaluate(batch, store: harness.store, temperature: temperature)
    let found = transformer.divergence(
      from: distributions, weight: trainable.tokenHead(in: start), batch, after, temperature: temperature)
    for (response, range) in zip(responses, ranges) {
      let ids = prompt + response
      let a = old.logits(ids)
      let b = new.logits(ids)
      for t in response.indices {
        let place = prompt.count - 1 + t
        let p = ReferenceModel.statistics(a[place], temperature: temperature).logprobs
        let q = ReferenceModel.statistics(b[place], temperature: temperature).logprobs
        let expected = zip(p, q).reduce(0) { $0 + exp($1.0) * ($1.0 - $1.1) }
        let error = abs(found[range.lowerBound + t] - expected)
        #expect(
          expected > 0 && error <= 1e-5 + 1e-3 * expected, "token \(t): \(found[range.lowerBound + t]), \(expected)")
      }
    }
    trainable.move(from: start, 0, start)
    #expect(zip(p.bits, (0..<start.arena.count).map { start.arena.base[$0].bitPattern }).allSatisfy { $0 == $1 })
  }

  /// What is frozen stays; products and sums do not depend on the threads.
  @Test func vectors() throws {
    let p = smallParameters(try smallConfiguration())
    let harness = Harness(p)
    let pool = harness.matmul.pool
    let trainable = try Trainable(p, heads: [ValueHead(p.configuration)], frozen: [ParameterPattern("layers.0")])
    let start = trainable.valueVector(pool)
    let one = ThreadPool(threads: 1)
    let bits = p.bits
    #expect(start.dot(start) == trainable.valueVector(one).dot(trainable.valueVector(one)))
    let sum = start.scaled(2)
    sum.add(-1, start)
    #expect((0..<start.arena.count).allSatisfy { sum.arena.base[$0] == start.arena.base[$0] })
    #expect(start.scaled(0).dot(start) == 0)
    trainable.move(from: start, 1, start)
    for (entry, trains) in zip(trainable.parts[0].entries, trainable.parts[0].trains) {
      for i in entry.offset..<entry.offset + entry.count {
        #expect(p.arena.base[i] == (trains ? 2 : 1) * start.arena.base[i], "\(entry.name)")
      }
    }
    trainable.move(from: start, 0, start)
    #expect(p.bits == bits)
  }
}
