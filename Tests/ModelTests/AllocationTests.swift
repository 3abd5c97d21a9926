import CAllocations
import Kernels
import Model
import Testing

@Suite struct AllocationTests {
  /// After the first micro-batch a step takes no memory for activations, keys or scratch: what is left are closures and
  /// small arrays of the loops, and what oneDNN takes for itself.
  @Test(arguments: precisions, [false, true])
  func nothingGrowsAfterTheFirstMicroBatch(precision: Precision, recomputes: Bool) throws {
    let configuration = try smallConfiguration(layers: 3, type: "qwen3")
    let parameters = smallParameters(configuration)
    let matmul = Matmul(pool: ThreadPool(threads: 1), precision: precision)
    parameters.round(for: matmul)
    let transformer = Transformer(configuration, weights: parameters.weights, matmul: matmul)
    transformer.recomputes = recomputes
    let store = KeyStore(configuration, keepsLayers: false), gradients = Parameters(configuration)
    var numbers = Numbers(seed: 1)
    let sequences = (0..<60).map { i in
      PackedSequence(
        prompt: (0..<30).map { Int32($0 % 30) }, response: numbers.tokens(20, below: 37), family: i / 6, together: i)
    }
    let batches = PackedBatch.pack(sequences, limit: 400)
    #expect(batches.count == 4)
    func compute(_ packed: PackedBatch) {
      let result = transformer.forward(packed.batch, store: store)
      let slopes = [Float](repeating: 0.1, count: packed.batch.heads.count)
      transformer.backward(
        packed.batch, result: result, dLogprobs: slopes, dEntropies: slopes, store: store, into: gradients)
    }
    ca_start()
    compute(batches[0])
    #expect(ca_stop().maps > 0, "the counter does not see arenas")
    ca_start()
    for packed in batches.dropFirst() {
      compute(packed)
      _ = transformer.evaluate(packed.batch, store: store)
    }
    let counts = ca_stop()
    #expect(counts.count > 0, "the counter does not count")
    #expect(counts.maps == 0)
    let rows = batches[1].batch.rows
    #expect(counts.largest <= 64 * rows, "an allocation of \(counts.largest) bytes for \(rows) rows")
  }
}
