import Formats
import Foundation
import TestSupport
import Testing

/// Other people's rows: which format they are taken for, and what becomes of their fields.
@Suite struct ExchangeFormatTests {
  private func foreign(_ line: String, as name: String? = nil) throws -> ForeignRow {
    let rows = try rows(line, as: name)
    guard rows.count == 1, case .foreign(let row) = rows[0] else { throw RollbookError.bug("\(rows)") }
    return row
  }

  private func rows(_ line: String, as name: String? = nil) throws -> [ExchangeRow] {
    let json = try JSON.parse(line, source: "f")
    let format = try name.flatMap { ExchangeFormat.named($0) } ?? ExchangeFormat.recognised(json, place: "f:1")
    return try format.rows(json, place: "f:1")
  }

  /// The reason for which a line is bad, which must name its place.
  private func fault(_ line: String, as name: String? = nil) throws -> String {
    let error = try #require(throws: RollbookError.self) { _ = try rows(line, as: name) }
    #expect(error.code == .badInput && error.place == "f:1", "\(error)")
    return error.message
  }

  /// The lines of docs/exchange.md with what they stand under.
  private func documentedLines() throws -> [(format: String, line: String)] {
    let text = try String(contentsOfFile: "\(projectFolder)/docs/exchange.md", encoding: .utf8)
    return text.components(separatedBy: "\n### ").dropFirst().flatMap { section in
      let lines = section.components(separatedBy: "\n## ")[0].split(separator: "\n")
      return lines.filter { $0.hasPrefix("    {") }.map { (String(lines[0]), String($0)) }
    }
  }

  @Test func theDocumentsLinesAreRecognised() throws {
    let lines = try documentedLines()
    for (heading, line) in lines {
      let json = try JSON.parse(line)
      let format = try ExchangeFormat.recognised(json, place: heading)
      #expect(format.name == heading, "\(line)")
      #expect(try format.rows(json, place: heading).count == 1)
    }
    #expect(Set(lines.map(\.format)) == Set(ExchangeFormat.table.map(\.name)))
  }

  /// Lines with bytes changed, taken out and put in: rows or our own error, never anything else.
  @Test func damagedLinesNeverTrap() throws {
    let words = ["null", "-1", "1e308", "9223372036854775807", "[]", "{}", "\"\"", "true", "\\", "\u{0}", "\"", "}"]
    var state: UInt64 = 7
    func draw(_ count: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % count
    }
    var good = 0
    for (name, line) in try documentedLines() {
      let format = try #require(ExchangeFormat.named(name))
      for _ in 0..<1500 {
        var bytes = Array(line.utf8)
        for _ in 0...draw(3) {
          let place = draw(bytes.count)
          switch draw(4) {
          case 0: bytes[place] = UInt8(truncatingIfNeeded: draw(256))
          case 1: bytes.remove(at: place)
          default:
            // A whole value in place of another.
            let end = bytes[place...].firstIndex { $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: "}") } ?? bytes.count
            let start = bytes[..<place].lastIndex(of: UInt8(ascii: ":")).map { $0 + 1 } ?? place
            bytes.replaceSubrange(min(start, end)..<end, with: Array(words[draw(words.count)].utf8))
          }
        }
        do {
          let json = try JSON.parse(bytes)
          good += try format.rows(json, place: "f:1").count
          _ = try? ExchangeFormat.recognised(json, place: "f:1")
        } catch is RollbookError {}
      }
    }
    #expect(good > 100)
  }

  @Test func completions() throws {
    let row = try foreign(
      #"{"prompt":"p","completion":"c","reward":2,"id":12,"answer":3.50,"task":"t","finish_reason":"length","#
        + #""x":1,"meta":{"y":2}}"#
    )
    #expect(row.prompt == .text("p") && row.promptID == "12" && row.answer == "3.5" && row.task == "t" && row.joins)
    #expect(row.responses == [.init(kind: "sample", text: "c", finish: .length, score: .init(reward: 2))])
    #expect(try row.meta?.serialized() == #"{"x":1,"meta":{"y":2}}"#)
    let plain = try foreign(#"{"prompt":"p","response":"c","reward":null,"meta":[1]}"#, as: "completions")
    #expect(plain.meta == [1] && plain.responses[0].score == nil && plain.promptID == nil)
    #expect(try fault(#"{"prompt":"p","reward":1}"#, as: "completions").contains("\"response\" or \"completion\""))
    #expect(try fault(#"{"prompt":1,"response":"c","reward":1}"#).contains("a list of messages, found an integer"))
    #expect(
      try fault(#"{"prompt":"p","response":"c","reward":"1"}"#).contains("\"reward\" to be a number, found a string"))
    #expect(try fault(#"{"prompt":"p","response":"c","reward":1,"id":"a/b"}"#).contains("without '/'"))
    #expect(try fault(#"{"prompt":"p","response":"c","reward":1,"id":""}"#).contains("not empty"))
    #expect(try fault(#"{"prompt":"p","response":"c","reward":1,"finish_reason":"why"}"#).contains("found 'why'"))
  }

  @Test func conversations() throws {
    let turns = #"{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}"#
    let demonstration = try foreign(#"{"prompt":[\#(turns)],"completion":[{"role":"assistant","content":"c"}]}"#)
    #expect(demonstration.prompt == .messages([.init(role: "user", content: "ab")]))
    #expect(demonstration.responses.map(\.kind) == ["demonstration"] && demonstration.responses[0].text == "c")
    let messages = try foreign(
      #"{"messages":[\#(turns),{"role":"assistant","content":null,"reasoning_content":"why","tool_calls":[]}]}"#)
    #expect(messages.responses[0].text == "<think>\nwhy\n</think>\n\n")
    // More turns than one: those before the last are part of the prompt.
    let agent = try foreign(
      #"{"prompt":[\#(turns)],"completion":[{"role":"assistant","content":"x"},{"role":"tool","content":"y"},"#
        + #"{"role":"assistant","content":"z"}]}"#
    )
    #expect(agent.responses[0].text == "z")
    guard case .messages(let prompt) = agent.prompt else { throw RollbookError.bug("no messages") }
    #expect(prompt.map(\.role) == ["user", "assistant", "tool"])
    #expect(try fault(#"{"messages":[\#(turns)]}"#).contains("end with a turn of the assistant, found one of 'user'"))
    #expect(try fault(#"{"messages":[]}"#).contains("a list of messages"))
    #expect(try fault(#"{"messages":[{"role":"assistant","content":"c"}]}"#).contains("a turn before"))
    #expect(try fault(#"{"messages":[{"content":"c"}]}"#).contains("\"role\""))
    let call = #"{"role":"assistant","content":"","tool_calls":[{"name":"f"}]}"#
    #expect(try fault(#"{"messages":[\#(turns),\#(call)]}"#).contains("tool calls"))
    let image = #"{"role":"user","content":[{"type":"image_url"}]}"#
    #expect(try fault(#"{"messages":[\#(image),{"role":"assistant","content":"c"}]}"#).contains("image_url"))
  }

  @Test func preferences() throws {
    let texts = try foreign(#"{"prompt":"p","chosen":"c","rejected":"r","score_chosen":0.9,"margin":2}"#)
    #expect(texts.responses.map(\.kind) == ["chosen", "rejected"] && texts.responses.map(\.text) == ["c", "r"])
    #expect(texts.responses[0].score == .init(reward: 0.9) && texts.responses[1].score == nil)
    #expect(!texts.joins && texts.meta == ["margin": 2])
    func side(_ prompt: String, _ text: String) -> String {
      #"[{"role":"user","content":"\#(prompt)"},{"role":"assistant","content":"\#(text)"}]"#
    }
    let implicit = try foreign(#"{"chosen":\#(side("p", "c")),"rejected":\#(side("p", "r"))}"#)
    #expect(implicit.prompt == .messages([.init(role: "user", content: "p")]))
    #expect(implicit.responses.map(\.text) == ["c", "r"])
    // The prompt as text beside conversations that repeat it.
    let repeated = try foreign(#"{"prompt":"p","chosen":\#(side("p", "c")),"rejected":\#(side("p", "r"))}"#)
    #expect(repeated.prompt == implicit.prompt && repeated.responses == implicit.responses)
    #expect(
      try fault(#"{"chosen":\#(side("p", "c")),"rejected":\#(side("q", "r"))}"#).contains("differ in their last turn"))
    #expect(try fault(#"{"chosen":"c","rejected":"r"}"#).contains("a list of messages"))
  }

  @Test func rewardsOfOtherTrainers() throws {
    let trl = try foreign(
      #"{"step":"10","prompt":"p","completion":"c","a_reward":1,"b_reward":0.5,"c":null,"advantage":-0.25,"note":"n"}"#)
    #expect(trl.step == 10 && trl.meta == ["note": "n", "advantage": -0.25])
    #expect(trl.responses[0].score == .init(reward: 1.5, components: [.init("a_reward", 1), .init("b_reward", 0.5)]))
    let verl = try foreign(
      #"{"input":"p","output":"c","gts":["1",2],"score":-1,"step":3,"acc":true,"pred":"4","request_id":"r"}"#)
    #expect(verl.step == 3 && verl.answer == #"["1",2]"# && verl.meta == ["pred": "4", "request_id": "r"])
    #expect(verl.responses[0].score == .init(reward: -1, components: [.init("acc", 1)]))
    #expect(try fault(#"{"input":"p","output":"c","score":1,"step":-1}"#).contains("a training step"))
    #expect(try foreign(#"{"input":"p","output":"c","label":"5"}"#).answer == "5")
    #expect(try foreign(#"{"prompt":"p","response":"c","label":false}"#).responses[0].score == .init(reward: 0))
    #expect(try foreign(#"{"input":"p","output":"c"}"#).responses[0].score == nil)
  }

  @Test func traces() throws {
    func node(_ parent: String, _ role: String, _ text: String, sampled: Bool = false) -> String {
      #"{"parent":\#(parent),"sampled":\#(sampled),"message":{"role":"\#(role)","content":"\#(text)"}}"#
    }
    // A graph with a branch that was left: 0 → 1, 0 → 2 → 3.
    let nodes = [
      node("null", "user", "q"), node("0", "assistant", "left", sampled: true),
      node("0", "assistant", "call", sampled: true), node("2", "assistant", "end", sampled: true),
    ].joined(separator: ",")
    let rewards = #"{"a":{"score":1,"weight":0.5},"b":{"score":2},"c":null}"#
    let rest =
      #""metrics":{"a":9,"m":0.25},"task":{"type":"T","key":"k/1","data":{"answer":5}},"stop_condition":"max_turns""#
    let trace = #"{"id":"i","nodes":[\#(nodes)],"rewards":\#(rewards),\#(rest)}"#
    let row = try foreign(trace)
    #expect(row.prompt == .messages([.init(role: "user", content: "q"), .init(role: "assistant", content: "call")]))
    #expect(row.responses[0].text == "end" && row.responses[0].finish == .length)
    #expect(row.responses[0].score == .init(reward: 2.5, components: [.init("a", 1), .init("b", 2), .init("m", 0.25)]))
    // The key would break the address, so the prompt is named by its digest.
    #expect(row.promptID == nil && row.task == "T" && row.answer == "5" && row.meta == ["trace": "i"])
    #expect(try rows(#"{"traces":[\#(trace),\#(trace),{"agent":{"trainable":false}}]}"#).count == 2)
    #expect(try fault(#"{"traces":[]}"#).contains("one that trains"))
    #expect(try fault(#"{"nodes":[]}"#).contains("a sampled node"))
    #expect(try fault(#"{"nodes":[\#(node("0", "user", "q"))]}"#).contains("to be one before it"))
    let sample = try foreign(
      #"{"example_id":7,"task":"add","prompt":"p","completion":"c","reward":1,"metrics":{"x":1},"#
        + #""is_truncated":true,"trajectory":[1]}"#
    )
    #expect(sample.promptID == "add-7" && sample.responses[0].finish == .length && sample.meta == nil)
  }

  @Test func whatIsNothingKnown() throws {
    #expect(try fault("[1]").contains("found an array"))
    #expect(try fault("{}").contains("found none"))
    #expect(try fault(#"{"question":"q"}"#).contains("found question"))
    #expect(try fault(#"{"prompt":"p","response":"r","reward":1}"#, as: "demonstrations").contains("without a reward"))
    #expect(try fault("3", as: "text").contains("a JSON object, found an integer"))
  }

  @Test func numbering() throws {
    func row(_ prompt: String, id: String? = nil, joins: Bool = true, kinds: [String] = ["sample"]) -> ForeignRow {
      ForeignRow(
        prompt: .text(prompt), promptID: id, responses: kinds.map { .init(kind: $0, text: "") }, joins: joins)
    }
    var numbering = RowNumbering(digest: "d") { $0 == 0 ? 5 : 0 }
    let rows = [
      row("a"), row("a"), row("b", id: "B"), row("a"), row("c", joins: false, kinds: ["chosen", "rejected"]),
      row("c", joins: false, kinds: ["chosen", "rejected"]),
    ]
    let places = try rows.enumerated().flatMap {
      try numbering.places(of: $1, step: 0, line: $0 + 1, place: "f:\($0 + 1)")
    }
    #expect(places.map(\.group) == [5, 5, 6, 7, 8, 8, 9, 9])
    #expect(places.map(\.sample) == [0, 1, 0, 2, 0, 1, 0, 1])
    #expect(places[2].promptID == "B" && places[0].promptID == places[3].promptID)
    #expect(Set(places.map(\.id)).count == places.count)
    #expect(try numbering.places(of: row("a"), step: 1, line: 7, place: "").map { [$0.group, $0.sample] } == [[0, 0]])
    let error = try #require(throws: RollbookError.self) {
      _ = try numbering.places(of: row("other", id: "B"), step: 0, line: 8, place: "f:8")
    }
    #expect(error.code == .badInput && error.message.contains("line 3"))
    for line in 0..<RowNumbering.longestGroup { _ = try numbering.places(of: row("z"), step: 2, line: line, place: "") }
    #expect(
      try numbering.places(of: row("z"), step: 2, line: 0, place: "").map { [$0.group, $0.sample] } == [[1, 8192]])
  }
}
