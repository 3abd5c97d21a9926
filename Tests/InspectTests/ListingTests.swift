import ArgumentParser
import Formats
import Foundation
import Inspect
import Pipeline
import Testing

@Suite("ls, stats and show")
struct ListingTests {
  /// Runs `body` with the index of a buffer with steps 0 (trained) and 1 (scored only), and its path.
  private func withIndex(_ body: (Index, String) throws -> Void) throws {
    try BufferFixture.withFolder { folder in
      let fixture = try BufferFixture(folder)
      try fixture.addStep(0)
      try fixture.addRollouts(step: 1)
      try fixture.addScores(step: 1)
      try body(try Index.current(fixture.buffer).index, fixture.buffer.root)
    }
  }

  @Test func stepsAreOneAlignedTable() throws {
    try withIndex { index, root in
      let lines = try ListCommand.parse([root]).stepTable(index).split(separator: "\n").map(String.init)
      #expect(lines.count == 3)
      #expect(lines[0] == "step  rollouts  prompts  shards  scores  trained  checkpoint   size")
      #expect(lines[1].hasPrefix("   0        12        3       1  main    yes      –           "))
      #expect(lines[2].hasPrefix("   1        12        3       1  main    –        yes         "))
      #expect(Set(lines.map { Terminal.width(of: $0) }).count == 1)
    }
  }

  @Test func filesListShardsAndCheckpoints() throws {
    try withIndex { index, root in
      let all = try ListCommand.parse([root, "--files"]).fileTable(index)
      for path in [
        "shards/rollouts/step-000000-part-00000.arrow", "shards/scores/main-step-000001-part-00000.arrow",
        "shards/updates/step-000000-part-00000.arrow", "checkpoints/step-000001",
      ] {
        #expect(all.contains(path))
      }
      let one = try ListCommand.parse([root, "--files", "--step", "0"]).fileTable(index)
      #expect(!one.contains("step-000001"))
      let json = try ListCommand.parse([root, "--shards", "--json"]).json(index)
      #expect(json["shards"]?.array?.count == 5)
      #expect(json["checkpoints"]?[0]?["summary"]?["seconds"] == .double(4))
    }
  }

  @Test func statisticsAreOneTable() throws {
    try withIndex { index, root in
      let text = try StatisticsCommand.parse([root]).table(index)
      let lines = text.split(separator: "\n")
      #expect(lines.count == 3)
      #expect(
        lines[0].split(separator: " ").map(String.init)
          == ["step", "rollouts", "reward", "pass", "±", "format", "length", "cut", "flat", "kl", "tok/s", "seconds"])
      let cells = lines[1].split(separator: " ").map(String.init)
      #expect(Array(cells[0...3]) == ["0", "12", "0.667", "66.7%"])
      #expect(cells[4].hasSuffix("%"))
      #expect(cells[5] == "75.0%")
      #expect(Array(cells[7...9]) == ["25.0%", "33.3%", "0.0340"])
      let json = try StatisticsCommand.parse([root, "--json"]).json(index)
      #expect(json["scores"] == "main")
      #expect(json["steps"]?[0]?["metrics"]?["train/loss"] == .double(0.5))
      #expect(json["steps"]?[1]?["kl"] == .null)
    }
  }

  @Test func aRolloutIsShownWholeAndSafe() throws {
    try withIndex { index, _ in
      let view = try RolloutView(index, "0/task-1/3")
      let text = view.text()
      for part in [
        "0/task-1/3", view.record.hexID, "group 1", "prompt 3, response ", "finish length", "answer    2",
        "main: 1   math 1, format 1   extracted 2", "--- prompt ---\n1+1?\n", "--- response ---\nanswer 3\n",
      ] {
        #expect(text.contains(part), "\(part)")
      }
      #expect(!text.unicodeScalars.contains("\u{1B}"))
      let json = view.json(tokens: true, nil)
      #expect(json["response"] == "answer 3\u{1B}[31m")
      #expect(json["messages"]?[0]?["role"] == "user")
      #expect(json["scores"]?["main"]?["components"]?["format"] == .double(1))
      #expect(json["tokens"]?[1]?["clip"] == 0)
      #expect(json["tokens"]?.array?.count == view.rollout.responseTokens.count)
    }
  }

  @Test func tokensAreATable() throws {
    try withIndex { index, _ in
      let trained = try RolloutView(index, "0/task-1/3").tokenTable(nil).split(separator: "\n").map(String.init)
      #expect(trained[0] == "#  id  logprob  advantage      old  reference     ratio  clip")
      #expect(trained[1] == "0  13  -0.8125     0.5000  -0.8125    -0.5625  1.000000  high")
      #expect(trained[2] == "1  14  -0.8750     0.5000  -0.8750    -0.6250  1.000000")
      let untrained = try RolloutView(index, "1/task-1/3").tokenTable(nil).split(separator: "\n").map(String.init)
      #expect(untrained[0] == "#  id  logprob")
    }
  }

  @Test(arguments: [
    (Array(" hello".utf8), "\" hello\""), ([0x0A], "\"\\n\""), ([0xE4, 0xBD], "\"\\xe4\\xbd\""),
    (Array("你".utf8), "\"你\""), (Array("\u{1B}[0m".utf8), "\"\\x1b[0m\""),
    (Array("\u{202E}".utf8), "\"\\xe2\\x80\\xae\""),
    (Array("a\"\\".utf8), "\"a\\\"\\\\\""), ([], "\"\""),
  ])
  func piecesArePrintable(bytes: [UInt8], piece: String) {
    #expect(RolloutView.piece(bytes) == piece)
  }

  @Test func jsonForTerminalsIsTheSameData() throws {
    let value: JSON = ["a": "x\u{9B}y\u{202E}z\u{1B}\u{E0041}", "b": [1, .double(0.5), .null]]
    let text = Terminal.escapedJSON(try value.serialized())
    #expect(text.unicodeScalars.allSatisfy { (0x20..<0x7F).contains($0.value) })
    #expect(try JSON.parse(text) == value)
  }

  @Test func commandsEndWithTheirExitCodes() throws {
    try withIndex { _, root in
      for (arguments, code) in [
        (["ls", root], 0), (["stats", root], 0), (["show", root, "0/task-0/0"], 0), (["verify", root, "--deep"], 0),
        (["reindex", root], 0), (["ls", root + "/none"], 69), (["show", root, "0/none/0"], 69),
        (["show", root, "?"], 64),
        (["stats", root, "--scores", "none"], 69), (["ls"], 64),
      ] as [([String], Int32)] {
        #expect(Stage.run(Rollbook.self, arguments: arguments) == code, "\(arguments)")
      }
    }
  }
}

@Suite("Programs by name")
struct StagesTests {
  @Test func whatIsNotOursGoesToAnotherProgram() {
    #expect(Stages.external(["generate", "--step", "0"])?.verb == "generate")
    #expect(Stages.external(["generate", "--step", "0"])?.arguments == ["--step", "0"])
    #expect(Stages.external(["help", "train"])?.arguments == ["--help"])
    for own in [[], ["ls", "x"], ["--help"], ["--version"], ["help"], ["help", "ls"], ["verify"], ["-h"]] {
      #expect(Stages.external(own) == nil, "\(own)")
    }
  }

  @Test func anUnknownVerbGetsASuggestion() throws {
    try BufferFixture.withFolder { folder in
      for name in ["rollbook-generate", "rollbook-train", "rollbook-x.build", "other"] {
        let path = "\(folder)/\(name)"
        #expect(FileManager.default.createFile(atPath: path, contents: Data(), attributes: [.posixPermissions: 0o755]))
      }
      #expect(Stages.verbs(in: folder) == ["generate", "train"])
      let error = Stages.unknown("genrate", folder: folder)
      #expect(error.code == .usage)
      #expect(error.hint?.hasPrefix("did you mean 'generate'?") == true)
      #expect(Stages.unknown("stat", folder: folder).hint?.hasPrefix("did you mean 'stats'?") == true)
      #expect(Stages.unknown("xyzzy-plugh", folder: folder).hint?.hasPrefix("there is: ") == true)
    }
  }
}
