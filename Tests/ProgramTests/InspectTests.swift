import Formats
import Foundation
import Testing

extension ProgramTests {
  /// The program for people.
  @Suite struct InspectTests {
    let scratch: Scratch

    init() throws { scratch = try Scratch() }

    private func prepareTrained() throws {
      try scratch.prepare()
      try scratch.train(0, "--on-policy").expect()
    }

    // MARK: verify

    @Test func verifyFindsDamage() throws {
      try prepareTrained()
      let files = [
        scratch.rolloutShard(0), "shards/scores/\(Buffer.shardName(step: 0, part: 0, set: "main"))",
        "shards/updates/\(scratch.shardName(0))", "checkpoints/step-000001/model.safetensors",
        "checkpoints/step-000001/optimizer.safetensors", "checkpoints/step-000000/config.json",
      ]
      for name in files {
        for offset in [0, scratch.size(name) / 2, scratch.size(name) - 1] {
          try scratch.flipByte(name, at: offset)
          try scratch.rollbook("verify").expect(65, naming: name, "1 wrong", "1 problem")
          let json = try scratch.rollbook("verify", "--json").expect(65).json()
          #expect(json["ok"]?.bool == false && json["problems"]?.array?.count == 1)
          try scratch.flipByte(name, at: offset)
        }
      }
      #expect(try scratch.rollbook("verify", "--deep", "--json").expect().json()["ok"]?.bool == true)
    }

    @Test func verifyFindsMissingFiles() throws {
      try prepareTrained()
      let whole = scratch.buffer
      let shard = scratch.rolloutShard(0)
      let losses = [
        (shard, shard), (shard.replacing(".arrow", with: ".json"), shard),
        ("checkpoints/step-000001/model.safetensors", "checkpoints/step-000001/model.safetensors"),
        ("checkpoints/step-000001/manifest.json", "checkpoints/step-000001"),
      ]
      for (number, (lost, named)) in losses.enumerated() {
        scratch.buffer = whole
        scratch.buffer = try scratch.copy("damaged-\(number)")
        try FileManager.default.removeItem(atPath: scratch.path(lost))
        try scratch.rollbook("verify").expect(65, naming: named)
      }
    }

    /// A rollout shard that was replaced, manifest and all, no longer fits what was made from it.
    @Test func verifyFindsAnotherShard() throws {
      try prepareTrained()
      let mine = scratch.buffer
      scratch.buffer += "-other"
      try scratch.initialise()
      try scratch.generate(0, "--seed", "2").expect()
      for name in [scratch.rolloutShard(0), scratch.rolloutShard(0).replacing(".arrow", with: ".json")] {
        try FileManager.default.removeItem(atPath: "\(mine)/\(name)")
        try FileManager.default.copyItem(atPath: scratch.path(name), toPath: "\(mine)/\(name)")
      }
      scratch.buffer = mine
      try scratch.rollbook("verify").expect(65, naming: "made from")
      try scratch.rollbook("verify", "--deep").expect(65, naming: "which no rollout shard has")
    }

    // MARK: index

    @Test func reindexRebuildsTheSame() throws {
      try prepareTrained()
      try scratch.score(0, "--scores", "again").expect()
      let questions = [["stats"], ["stats", "--json"], ["ls"], ["ls", "--files", "--json"]]
      func answers() throws -> [String] {
        try questions.map { try scratch.run("rollbook", [$0[0], scratch.buffer] + $0.dropFirst()).expect().output }
      }
      let before = try answers()
      #expect(before[0].split(separator: "\n").count >= 2)
      try FileManager.default.removeItem(atPath: scratch.path("index.sqlite"))
      try scratch.rollbook("reindex").expect()
      #expect(try answers() == before)
      try FileManager.default.removeItem(atPath: scratch.path("index.sqlite"))
      #expect(try answers() == before, "made anew by whoever needs it")
      try Data(repeating: 0x41, count: 4096).write(to: URL(fileURLWithPath: scratch.path("index.sqlite")))
      let damaged = try scratch.rollbook("ls")
      #expect(damaged.code == 0 || damaged.errors.contains("reindex"), "\(damaged)")
      try scratch.rollbook("reindex").expect()
      #expect(try answers() == before)
    }

    // MARK: show

    @Test func showByIdOrAddress() throws {
      try scratch.prepare()
      let rollouts = try scratch.rollouts(0)
      let rollout = try #require(rollouts.last)
      let id = "\(rollout.id)"
      let unique = try #require((4...32).lazy.map { id.prefix($0) }.first { start in
        rollouts.count { "\($0.id)".hasPrefix(start) } == 1
      })
      try scratch.rollbook("show", String(unique)).expect(naming: id, rollout.promptID, rollout.finishReason.rawValue)
      try scratch.rollbook("show", "0/\(rollout.promptID)/\(rollout.sample)").expect(naming: id)
      try scratch.rollbook("show", "0/\(rollout.promptID)").expect(64, naming: "expected one rollout, found 4", id)
      try scratch.rollbook("show", "0/\(rollout.promptID)/99").expect(69)
      try scratch.rollbook("show", "0/nobody/0").expect(69)
      try scratch.rollbook("show", "zebra").expect(64)
      // Of 32 ids, two begin with the same of 16 digits.
      let heads = Dictionary(grouping: rollouts.map { "\($0.id)" }) { $0.prefix(1) }
      let (head, ids) = try #require(heads.first { $0.value.count > 1 })
      let listed = try scratch.rollbook("show", String(head)).expect(64, naming: "found \(ids.count)")
      for id in ids.prefix(10) where ids.count <= 10 { #expect(listed.errors.contains(id), "\(listed)") }
    }

    // MARK: commands

    @Test func unknownBuffer() throws {
      for verb in ["ls", "stats", "verify", "reindex"] {
        try scratch.rollbook(verb).expect(69, naming: scratch.buffer)
      }
      try scratch.rollbook("show", "0/a/0").expect(69, naming: scratch.buffer)
      #expect(!FileManager.default.fileExists(atPath: scratch.buffer))
    }

    @Test func unknownCommand() throws {
      try scratch.run("rollbook", ["nonsense"]).expect(64, naming: "nonsense", "generate", "verify")
      try scratch.run("rollbook", ["verifi"]).expect(64, naming: "did you mean 'verify'")
      try scratch.run("rollbook", ["genrate"]).expect(64, naming: "did you mean 'generate'")
      try scratch.run("rollbook", ["../score"]).expect(64)
    }

    @Test func stagesAreReachedByName() throws {
      for verb in ["generate", "score", "train"] {
        let direct = try scratch.run("rollbook-\(verb)", ["--help"]).expect(naming: "rollbook-\(verb)", "EXAMPLES")
        #expect(try scratch.run("rollbook", [verb, "--help"]).expect().output == direct.output)
        #expect(try scratch.run("rollbook", ["help", verb]).expect().output == direct.output)
      }
      try scratch.initialise()
      try scratch.run("rollbook", ["generate"] + scratch.generateArguments(0, [])).expect()
      try scratch.run("rollbook", ["score", "--buffer", scratch.buffer, "--step", "4", "--reward", "exact"]).expect(69)
      #expect(try scratch.run("rollbook", ["--version"]).expect().output.contains("."))
      try scratch.run("rollbook", ["--help"]).expect(naming: "verify", "generate", "Exit codes")
    }

    // MARK: terminal

    /// A model that says escape sequences, prompts that hold some, and a prompt id with the one-byte introducer.
    @Test func noEscapeSequenceReachesTheTerminal() throws {
      let folder = "\(scratch.folder)/hostile"
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      for name in ["config.json", "tokenizer.json", "tokenizer_config.json"] {
        var text = try String(contentsOfFile: "\(Scratch.example)/\(name)", encoding: .utf8)
        // In the byte alphabet: ESC, BEL, CR, 0x9B and 0xC2, whose pair is the one-character introducer; brackets.
        let spelling = [
          "x": "\u{11B}", "w": "\u{107}", "v": "\u{10D}", "u": "\u{13D}", "q": "\u{C2}", "y": "[", "z": "]",
        ]
        for (letter, other) in spelling { text = text.replacing("\"\(letter)\":", with: "\"\(other)\":") }
        try text.write(toFile: "\(folder)/\(name)", atomically: false, encoding: .utf8)
      }
      let prompt = #"{"id":"p\u009b31m","prompt":"1 \u001b[31mred\u001b]0;title\u0007 \u202e2","answer":"\u001b[2J"}"#
      let prompts = try scratch.file("prompts.jsonl", prompt + "\n")
      try scratch.run(
        "rollbook-train", ["--buffer", scratch.buffer, "--step", "0", "--init", folder + "/config.json"]
      ).expect()
      let flags = ["--prompts", prompts, "--prompts-per-step", "1", "--group-size", "16", "--max-new-tokens", "64"]
      try scratch.run("rollbook-generate", scratch.generateArguments(0, flags)).expect()
      let rewards = ["--reward", "format:pattern=(.+)", "--reward", "exact"]
      try scratch.run("rollbook-score", ["--buffer", scratch.buffer, "--step", "0"] + rewards).expect()
      let rollouts = try scratch.rollouts(0)
      let said = rollouts.map(\.responseText).joined()
      #expect(said.contains("\u{1B}") && said.contains("\u{7}") && said.contains("\r"), "the model is hostile")
      var shown = [try scratch.rollbook("ls"), try scratch.rollbook("ls", "--files"), try scratch.rollbook("stats")]
      for rollout in rollouts {
        for flags in [[], ["--tokens"], ["--tokens", "--json"]] {
          shown.append(try scratch.run("rollbook", ["show", scratch.buffer, "\(rollout.id)"] + flags).expect())
        }
      }
      shown.append(try scratch.run("rollbook", ["show", scratch.buffer, "0/p\u{9B}31m"]).expect(64))
      for outcome in shown {
        let bad = (outcome.output + outcome.errors).unicodeScalars.filter { scalar in
          scalar.value < 0x20 && scalar != "\n" && scalar != "\t" || (0x7F...0x9F).contains(scalar.value)
            || (0x202A...0x202E).contains(scalar.value)
        }
        #expect(bad.isEmpty, "\(bad.map { String($0.value, radix: 16) }) in \(outcome.command)")
      }
      let data = try scratch.rollbook("show", "\(rollouts[0].id)", "--json").expect().json()
      #expect(data["response"]?.string == rollouts[0].responseText, "as data it is still the same")
    }
  }
}
