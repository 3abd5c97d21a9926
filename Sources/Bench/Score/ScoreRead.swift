internal import ArgumentParser
internal import Formats
internal import Foundation
internal import Pipeline
internal import Rewards

/// What bounds scoring: the reading of the columns it needs.
struct ScoreRead: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "read", abstract: "Print the speed of reading what math, format and length rewards look at.")

  @Argument var buffer: String
  @Option(help: "Shards read at once.")
  var threads = 1
  @Option(help: "Also write the first responses with their answers to this JSON Lines file.")
  var sample: String?
  @Option var sampleCount = 2000

  func run() throws {
    let buffer = try Buffer.open(path: buffer, create: false)
    let shards = try buffer.completeRollouts(step: 0)
    let columns = RolloutCodec.summaryColumns + ["response_text", "answer"]
    let start = Timestamp.steady
    let workers = max(1, min(threads, shards.count))
    DispatchQueue.concurrentPerform(iterations: workers) { worker in
      for shard in shards[worker...].enumerated() where shard.offset % workers == 0 {
        guard let reader = try? RolloutShardReader(path: buffer.intactPath(of: shard.element)) else { continue }
        for batch in 0..<reader.batchCount { _ = try? reader.rows(batch: batch, columns: columns) }
      }
    }
    let seconds = Timestamp.steady - start
    let rows = shards.reduce(0) { $0 + $1.rows }
    try Output.print("\(rows) rollouts in \(Format.decimal(seconds, 2)) s: \(Int(Double(rows) / seconds)) a second")
    if let sample { try write(shards, buffer, sample) }
  }

  private func write(_ shards: [Manifest], _ buffer: Buffer, _ path: String) throws {
    var lines = ""
    var left = sampleCount
    for shard in shards where left > 0 {
      let rows = try RolloutShardReader(path: buffer.path(of: shard)).rows()
      for row in rows.prefix(left) {
        let line: JSONObject = ["response": .string(row.responseText), "answer": .string(row.answer ?? "")]
        lines += try JSON.object(line).serialized() + "\n"
        left -= 1
      }
    }
    try lines.write(toFile: path, atomically: true, encoding: .utf8)
  }
}

/// The rate of the math reward in memory, on one core.
struct ScoreAnswers: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "answers", abstract: "Print the speed of the math reward on a JSON Lines file of responses and answers.")

  @Argument(help: "Lines with response and answer, or with prediction and gold.")
  var file: String
  @Option var repeats = 5

  func run() throws {
    let reader = try LineReader(path: file)
    var inputs: [[RewardInput]] = []
    while case .text(let line)? = try reader.next() {
      let json = try JSON.parse(Array(line), source: file)
      let (response, answer) = (json["response"] ?? json["prediction"], json["answer"] ?? json["gold"])
      inputs.append([RewardInput(response: Array((response?.string ?? "").utf8), answer: answer?.string.map { Array($0.utf8) })])
    }
    let reward = try RewardRegistry.reward("math")
    var best = Double.infinity
    var right = 0
    for _ in 0..<max(1, repeats) {
      let start = Timestamp.steady
      right = try reward.score(groups: inputs).count { $0[0].value == 1 }
      best = min(best, Timestamp.steady - start)
    }
    try Output.print("\(inputs.count) answers, \(right) right: \(Int(Double(inputs.count) / best)) a second on one core")
  }
}
