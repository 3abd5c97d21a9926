import Formats
import Foundation
import Testing

extension ProgramTests {
  @Suite struct SalvageTests {
    let scratch: Scratch

    init() throws { scratch = try Scratch() }

    @Test func aCutShard() throws {
      try scratch.prepare("--prompts-per-step", "32")
      let rollouts = try scratch.rollouts(0)
      #expect(rollouts.count == 128)
      let shard = scratch.path(scratch.rolloutShard(0))
      let cut = "\(scratch.folder)/cut.arrow"
      let bytes = try Data(contentsOf: URL(fileURLWithPath: shard))
      try bytes.dropLast(1).write(to: URL(fileURLWithPath: cut))
      func salvage(_ flags: String...) throws -> Outcome { try scratch.run("rollbook", ["salvage"] + flags) }

      let output = "\(scratch.folder)/cut.salvaged.arrow"
      try salvage(cut).expect(naming: "truncated", "2 batches with 128 rows", output)
      #expect(try RolloutShardReader(path: output).rows().map(\.id) == rollouts.map(\.id))
      try salvage(cut).expect(64, naming: output, "--output")

      try bytes.prefix(bytes.count / 2 + 64).write(to: URL(fileURLWithPath: cut))
      let other = "\(scratch.folder)/other.arrow"
      let json = try salvage(cut, "--output", other, "--json").expect().json()
      #expect(json["whole"]?.bool == false && json["truncated"]?.bool == true && json["rows"]?.int == 64)
      #expect(json["output"]?.string == other)
      #expect(try RolloutShardReader(path: other).rows().map(\.id) == rollouts[..<64].map(\.id))

      try salvage(shard).expect(naming: "whole", "128 rows")
      #expect(!FileManager.default.fileExists(atPath: scratch.path("shards/rollouts/x.salvaged.arrow")))
      #expect(try salvage(shard, "--json").expect().json()["whole"]?.bool == true)

      let none = "\(scratch.folder)/none.arrow"
      for count in [0, 7, 3000] {
        try bytes.prefix(count).write(to: URL(fileURLWithPath: none))
        try salvage(none).expect(65, naming: none)
      }
      try salvage("\(scratch.folder)/nowhere.arrow").expect(69)
      #expect(!FileManager.default.fileExists(atPath: "\(scratch.folder)/none.salvaged.arrow"))
      try scratch.rollbook("verify").expect()
    }
  }
}
