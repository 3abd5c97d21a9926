import Formats
import Foundation
import Pipeline
import Testing

@Suite("Metrics")
struct MetricsTests {
  /// RFC 3720 appendix B.4, and the check value of the CRC catalogue.
  static let vectors: [([UInt8], UInt32)] = [
    ([UInt8](repeating: 0, count: 32), 0x8A91_36AA),
    ([UInt8](repeating: 0xFF, count: 32), 0x62A8_AB43),
    ([UInt8](0..<32), 0x46DD_794E),
    ([UInt8](0..<32).reversed(), 0x113F_DB5C),
    ([UInt8]("123456789".utf8), 0xE306_9283),
    ([], 0),
  ]

  @Test(arguments: vectors)
  func crc32c(bytes: [UInt8], expected: UInt32) {
    #expect(Checksum.crc32c(bytes) == expected)
  }

  /// A frame as TensorFlow writes it: the header event of a file made at time 0 (a wall time and
  /// the version).
  @Test func frameLayout() {
    let record = EventFile.header(wallTime: 0)
    let payload: [UInt8] = [0x09, 0, 0, 0, 0, 0, 0, 0, 0, 0x1A, 13] + Array("brain.Event:2".utf8)
    #expect(Array(record[..<8]) == [UInt8(payload.count), 0, 0, 0, 0, 0, 0, 0])
    #expect(Array(record[12..<12 + payload.count]) == payload)
    #expect(EventFile.frames(record).count == 1)
    #expect(EventFile.frames(record).end == record.count)
  }

  @Test func scalarEventBytes() {
    let record = EventFile.scalars(wallTime: 1, step: 300, [(tag: "a", value: 0.5)])
    let expected: [UInt8] =
      [0x09, 0, 0, 0, 0, 0, 0, 0xF0, 0x3F, 0x10, 0xAC, 0x02, 0x2A, 10, 0x0A, 8, 0x0A, 1, 0x61, 0x15]
      + [0, 0, 0, 0x3F]
    #expect(Array(record[12..<record.count - 4]) == expected)
  }

  @Test func tornAndFlippedFramesAreNotCounted() {
    let whole = EventFile.header(wallTime: 3) + EventFile.scalars(wallTime: 4, step: 1, [(tag: "x", value: 1)])
    let first = EventFile.header(wallTime: 3).count
    for end in 0..<whole.count {
      let (count, place) = EventFile.frames(Array(whole[..<end]))
      #expect(count == (end >= first ? 1 : 0))
      #expect(place == (end >= first ? first : 0))
    }
    for place in whole.indices {
      var bytes = whole
      bytes[place] ^= 0x10
      #expect(EventFile.frames(bytes).count < 2)
    }
  }

  @Test func recordingTwiceKeepsOneLine() throws {
    try withScratchFolder { folder in
      let metrics = Metrics(folder: folder + "/metrics")
      #expect(try metrics.record(step: 0, stage: "train", [("loss", 0.5), ("kl", .nan)], time: 10))
      #expect(try metrics.record(step: 0, stage: "generate", [("tokens", 3)], time: 11))
      #expect(try !metrics.record(step: 0, stage: "train", [("loss", 0.5), ("kl", .nan)], time: 12))
      let text = try String(contentsOfFile: folder + "/metrics/metrics.jsonl", encoding: .utf8)
      #expect(
        text == """
          {"step":0,"stage":"train","time":"1970-01-01T00:00:10.000Z","loss":0.5,"kl":null}
          {"step":0,"stage":"generate","time":"1970-01-01T00:00:11.000Z","tokens":3.0}

          """)
      #expect(try events(folder).count == 3)
      let lines = try metrics.lines()
      #expect(lines.map(\.stage) == ["train", "generate"])
      #expect(lines[0]["loss"] == 0.5)
      #expect(lines[0]["kl"]?.isNaN == true)
    }
  }

  @Test func newNumbersReplaceTheLineInItsPlace() throws {
    try withScratchFolder { folder in
      let metrics = Metrics(folder: folder + "/metrics")
      try metrics.record(step: 0, stage: "train", [("loss", 0.5)], time: 10)
      try metrics.record(step: 1, stage: "train", [("loss", 0.4)], time: 11)
      #expect(try metrics.record(step: 0, stage: "train", [("loss", 0.25)], time: 12))
      #expect(try metrics.lines().map { [Double($0.step), $0["loss"] ?? -1] } == [[0, 0.25], [1, 0.4]])
      #expect(try events(folder).count == 3)
    }
  }

  @Test func aTornLineAndATornEventAreHealed() throws {
    try withScratchFolder { folder in
      let metrics = Metrics(folder: folder + "/metrics")
      try metrics.record(step: 0, stage: "train", [("loss", 0.5)], time: 10)
      let path = folder + "/metrics/metrics.jsonl"
      let whole = try Data(contentsOf: URL(fileURLWithPath: path))
      try (whole + Data("{\"step\":1,\"sta".utf8)).write(to: URL(fileURLWithPath: path))
      let event = try #require(
        try FileManager.default.contentsOfDirectory(atPath: folder + "/metrics").first { $0.hasPrefix("events.") })
      let bytes = try Data(contentsOf: URL(fileURLWithPath: folder + "/metrics/" + event))
      try bytes.dropLast(3).write(to: URL(fileURLWithPath: folder + "/metrics/" + event))
      try metrics.record(step: 1, stage: "train", [("loss", 0.4)], time: 11)
      #expect(try metrics.lines().map(\.step) == [0, 1])
      #expect(try events(folder).count == 3)
    }
  }

  private func events(_ folder: String) throws -> (count: Int, end: Int) {
    let names = try FileManager.default.contentsOfDirectory(atPath: folder + "/metrics").filter {
      $0.hasPrefix("events.out.tfevents.")
    }
    #expect(names.count == 1)
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: folder + "/metrics/" + names[0])))
    let frames = EventFile.frames(bytes)
    #expect(frames.end == bytes.count)
    return frames
  }
}

@Suite("Provenance")
struct ProvenanceTests {
  private func key(_ parameters: [String: String], _ inputs: [(role: String, digest: String)] = []) -> String {
    Provenance.key(stage: "score", parameters: parameters, inputs: inputs)
  }

  @Test func theKeyDependsOnContentNotOnOrder() {
    let a = (role: "rollouts", digest: "xxh3-128:00")
    let b = (role: "rollouts", digest: "xxh3-128:01")
    #expect(key([:], [a, b]) == key([:], [b, a]))
    #expect(key(["x": "1", "y": "2"]) == key(["y": "2", "x": "1"]))
    #expect(key([:], [a]) != key([:], [b]))
    #expect(key(["x": "1"]) != key(["x": "2"]))
    #expect(key(["ab": "c"]) != key(["a": "bc"]))
    #expect(key(["a": "1,1:b"]) != key(["a": "1", "b": ""]))
    #expect(Provenance.key(stage: "train", parameters: [:], inputs: []) != key([:]))
    #expect(key([:]).hasPrefix("xxh3-128:"))
  }

  @Test func schedulerIdentifiers() {
    let environment = ["SLURM_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "3", "HOME": "/root", "PBS_JOBID": ""]
    #expect(Provenance.scheduler { environment[$0] } == ["SLURM_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "3"])
  }

  @Test(arguments: [0.0, 1_700_000_000.5, 951_782_400, 4_102_444_799.999])
  func timesReadBack(seconds: Double) throws {
    let read = try #require(Timestamp.seconds(Timestamp.text(seconds)))
    #expect(abs(read - seconds) < 0.0015)
  }

  @Test func timeText() {
    #expect(Timestamp.text(951_782_400.25) == "2000-02-29T00:00:00.250Z")
    #expect(Timestamp.text(951_782_400.25, fraction: false) == "2000-02-29T00:00:00Z")
    #expect(Timestamp.seconds("2000-02-29 00:00:00") == nil)
    #expect(Timestamp.seconds("") == nil)
  }
}
