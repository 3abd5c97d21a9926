import Formats
import Testing

/// Readers used without digests: a flipped bit gives an error or other values, never a trap; a cut always an error.
@Suite struct ReaderSweepTests {
  private func sweep(_ path: String, _ read: () throws -> Void) throws -> (errors: Int, count: Int) {
    let good = try fileBytes(path)
    var errors = 0
    for index in good.indices {
      var bad = good
      bad[index] ^= 1 << UInt8((index &* 2_654_435_761 >> 7) & 7)
      try overwrite(path, bad)
      if try !succeeds(read) { errors += 1 }
      try overwrite(path, Array(good[..<index]))
      let error = rollbookError({ try read() }, "cut to \(index) bytes")
      #expect(error?.code == .badInput && error?.place.hasPrefix(path) == true, "cut to \(index) bytes")
    }
    try overwrite(path, good)
    try read()
    return (errors, good.count)
  }

  @Test func rolloutShard() throws {
    let scratch = try ScratchFolder()
    let path = try writeRollouts(sampleRollouts(3), to: "\(scratch.path)/x.arrow")
    let (errors, count) = try sweep(path) { _ = try RolloutShardReader(path: path).rows() }
    #expect(errors > count / 3)
  }

  @Test func scoreShard() throws {
    let scratch = try ScratchFolder()
    let path = "\(scratch.path)/x.arrow"
    let writer = try ScoreShardWriter(staging: path, components: ["math"])
    try writer.append(
      sampleRollouts(2).map {
        ScoreRow(
          rollout: $0.id, step: 2, promptID: $0.promptID, sample: $0.sample, reward: 1, components: [nil],
          extracted: "2")
      })
    try writer.finish()
    let (errors, count) = try sweep(path) { _ = try ScoreShardReader(path: path).rows() }
    #expect(errors > count / 3)
  }

  @Test func manifest() throws {
    let scratch = try ScratchFolder()
    let path = try scratch.file("m.json", Array(sampleManifest().serialized().utf8))
    let (errors, count) = try sweep(path) { _ = try Manifest.read(path) }
    #expect(errors == count)
  }

  @Test func safetensors() throws {
    let scratch = try ScratchFolder()
    let path = "\(scratch.path)/x.safetensors"
    let tensors = [SafetensorsWriter.Tensor(name: "a", shape: [2, 3]), .init(name: "b", shape: [4], type: .bf16)]
    let writer = try SafetensorsWriter(path: path, tensors: tensors, metadata: ["step": "1"])
    try writer.append("a", [1, 2, 3, 4, 5, 6])
    try writer.append("b", [1, 2, 3, 4])
    _ = try writer.finish()
    let (errors, _) = try sweep(path) {
      let source = try Safetensors(path: path)
      for tensor in source.tensors { _ = try source.read(tensor.name) }
    }
    #expect(errors > 40)
  }
}
