import Formats
import Foundation
import FoundationXML
import Testing

extension ProgramTests {
  /// `rollbook plot` on metrics written by hand.
  @Suite struct PlotTests {
    let scratch: Scratch

    init() throws { scratch = try Scratch(inMemory: true) }

    /// A run with some lines of metrics; nil for none.
    private func run(_ name: String, _ lines: [String]?) throws -> String {
      let buffer = try Buffer.open(path: "\(scratch.folder)/\(name)", create: true)
      if let lines {
        try FileManager.default.createDirectory(atPath: buffer.metrics, withIntermediateDirectories: true)
        try lines.map { $0 + "\n" }.joined().write(
          toFile: buffer.metrics + "/metrics.jsonl", atomically: false, encoding: .utf8)
      }
      return buffer.root
    }

    private func line(_ step: Int, _ stage: String, _ values: String) -> String {
      #"{"step":\#(step),"stage":"\#(stage)","time":"2026-11-21T09:00:00.000Z",\#(values)}"#
    }

    private func ordinary(_ name: String, _ steps: Int = 6, offset: Double = 0) throws -> String {
      try run(
        name,
        (0..<steps).flatMap { step in
          let value = offset + Double(step) / 8
          return [
            line(step, "train", #""reward_mean":\#(value),"ref_kl_k3":\#(value * value),"grad_norm":null"#),
            line(step, "score:main", #""reward_mean":9,"pass_rate":\#(value / 2)"#),
            line(step, "score:gold", #""reward_mean":\#(value * (1 - value))"#),
          ]
        })
    }

    private func plot(_ arguments: [String], _ environment: [String: String] = [:]) throws -> Outcome {
      try scratch.run("rollbook", ["plot"] + arguments, environment: environment)
    }

    @Test func usualMetrics() throws {
      let run = try ordinary("run")
      let outcome = try plot([run], ["COLUMNS": "60"]).expect(
        naming: "train/reward_mean", "score:main/pass_rate", "train/ref_kl_k3", "train/grad_norm", "step")
      #expect(!outcome.output.contains("\u{1B}") && !outcome.output.contains("gold"))
      let lines = outcome.output.split(separator: "\n", omittingEmptySubsequences: false)
      #expect(lines.allSatisfy { $0.count <= 60 } && lines.contains { $0.count == 60 })
      #expect(try plot([run], ["COLUMNS": "60"]).output == outcome.output)
      let plain = try plot([run], ["LC_ALL": "C"]).expect()
      #expect(plain.output.utf8.allSatisfy { $0 < 0x80 })
    }

    @Test func wrongUse() throws {
      let run = try ordinary("run")
      try plot([run, "--metric", "nonsense"]).expect(
        64, naming: "nonsense", "train/reward_mean", "score:gold/reward_mean")
      try plot([run, "--output", "curves.gif"]).expect(64, naming: "curves.gif", ".svg")
      try plot([run, "--smooth", "0"]).expect(64, naming: "--smooth")
      try plot([run, "--over-optimisation"]).expect(64, naming: "--proxy")
      try plot([run, "--proxy", "reward_mean"]).expect(64, naming: "--over-optimisation")
      let flags = ["--over-optimisation", "--proxy", "reward_mean", "--gold"]
      try plot([run] + flags + ["platinum"]).expect(64, naming: "--gold platinum")
      try plot([run] + flags + ["pass_rate", "--kl", "far"]).expect(64, naming: "--kl far")
      try plot([run] + flags + ["pass_rate", "--mean"]).expect(64, naming: "--mean")
      try plot([]).expect(64)
      try plot([run + "-nowhere"]).expect(69, naming: "run-nowhere")
      try plot([try self.run("empty", nil)]).expect(69, naming: "empty", "no metrics")
      try plot([try self.run("torn", ["{", "[]", "\u{0}"])]).expect(69, naming: "torn")
      try plot([try self.run("other", [line(0, "mine", #""x":1"#)])]).expect(64, naming: "--metric", "mine/x")
      try plot([run, "--output", "\(scratch.folder)/no/where.svg"]).expect(69, naming: "where.svg")
    }

    @Test func files() throws {
      let runs = [try ordinary("one"), try ordinary("two", 4, offset: 0.5)]
      let (svg, png) = ("\(scratch.folder)/a.svg", "\(scratch.folder)/a.png")
      let outcome = try plot(runs + ["--output", svg, "--output", png]).expect(naming: "a.svg", "a.png")
      #expect(outcome.output.isEmpty)
      let text = try String(contentsOfFile: svg, encoding: .utf8)
      #expect(XMLParser(data: Data(text.utf8)).parse())
      for word in ["train/reward_mean", "pass_rate", "/one", "/two"] { #expect(text.contains(word)) }
      let picture = try #require(FileManager.default.contents(atPath: png))
      #expect(picture.starts(with: [0x89, 0x50, 0x4E, 0x47]) && picture.count > 2000 && picture.count < 200_000)
      try plot(runs + ["--output", svg, "--output", png]).expect()
      #expect(try String(contentsOfFile: svg, encoding: .utf8) == text)
      #expect(FileManager.default.contents(atPath: png) == picture)
    }

    @Test func meanOfRuns() throws {
      let runs = [try ordinary("one"), try ordinary("two", offset: 0.5)]
      let json = try plot(runs + ["--mean", "--metric", "reward_mean", "--json"]).expect().json()
      let series = json["panels"]?.array?.first?["series"]?.array ?? []
      #expect(series.count == 1)
      #expect(series.first?["points"]?.array?.first?.array?.map { $0.double } == [0, 0.25])
      #expect(abs((series.first?["spread"]?.array?.first?.double ?? 0) - 0.125.squareRoot()) < 1e-12)
      try plot(runs + ["--mean"]).expect(naming: "mean of 2 runs ± standard deviation")
    }

    @Test func overOptimisation() throws {
      let run = try ordinary("run", 8)
      let flags = ["--over-optimisation", "--proxy", "score:main/pass_rate", "--gold", "score:gold/reward_mean"]
      // Gold is v (1 − v) at √KL = v, proxy v / 2.
      try plot([run] + flags).expect(
        naming: "gold is highest, 0.2500, at √KL 0.5000 (step 4)", "a  proxy: score:main/pass_rate", "b  gold:")
      let svg = "\(scratch.folder)/over.svg"
      try plot([run] + flags + ["--output", svg]).expect()
      let text = try String(contentsOfFile: svg, encoding: .utf8)
      #expect(XMLParser(data: Data(text.utf8)).parse() && text.contains("gold is highest"))
      let json = try plot([run] + flags + ["--json"]).expect().json()
      let gold = json["panels"]?.array?.first?["series"]?.array?.last?["points"]?.array ?? []
      #expect(gold.map { $0.array?.first?.double } == (0..<8).map { Double($0) / 8 })
    }

    @Test func hostileNames() throws {
      let name = #"<b>&\u001b[31m\u202e\"]]>'\uffff"#
      let run = try run("<i>&", [line(0, "train", #""\#(name)":1"#), line(1, "<script>", #""x":1"#)])
      let outcome = try plot([run, "--metric", "train/nonsense"]).expect(64)
      #expect(!outcome.errors.contains("\u{1B}") && !outcome.errors.contains("\u{202E}"))
      let full = "train/<b>&\u{1B}[31m\u{202E}\"]]>'\u{FFFF}"
      let shown = try plot([run, "--metric", full]).expect()
      #expect(!shown.output.contains("\u{1B}") && !shown.output.contains("\u{202E}"))
      let svg = "\(scratch.folder)/hostile.svg"
      try plot([run, "--metric", full, "--metric", "x", "--output", svg]).expect()
      let text = try String(contentsOfFile: svg, encoding: .utf8)
      #expect(XMLParser(data: Data(text.utf8)).parse())
      #expect(!text.contains("<b>") && !text.contains("<script>") && !text.contains("\u{1B}"))
    }
  }
}
