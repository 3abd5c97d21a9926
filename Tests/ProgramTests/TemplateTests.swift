import Formats
import Foundation
import Testing

extension ProgramTests {
  /// What `rollbook-generate` gives to a model's chat template.
  @Suite struct TemplateTests {
    let scratch: Scratch
    let model: String

    init() throws {
      scratch = try Scratch()
      try scratch.initialise()
      model = scratch.folder + "/model"
      try FileManager.default.copyItem(atPath: scratch.path("checkpoints/step-000000"), toPath: model)
    }

    private func set(template: String) throws { _ = try scratch.file("model/chat_template.jinja", template) }

    private func generate(_ step: Int, _ line: String, _ flags: String...) throws -> Outcome {
      let prompts = try scratch.file("prompts.jsonl", line + "\n")
      let own = ["--model", model, "--prompts", prompts, "--prompts-per-step", "1"]
      return try scratch.run("rollbook-generate", scratch.generateArguments(step, own + flags))
    }

    private func parameters(_ step: Int) throws -> [String: String] {
      try scratch.manifest(scratch.rolloutShard(step).replacing(".arrow", with: ".json")).action.parameters
    }

    @Test func membersToolsAndArguments() throws {
      try set(
        template: """
          {% for m in messages %}{{ m.role }} {{ m.name }} {{ m.reasoning_content }} {{ m.content }}.{% endfor %}
          {{ tools | map(attribute='function.name') | join }} {{ think is false }} {{ level + 1 }} {{ word }}
          """)
      let messages = #"[{"role":"user","content":[{"type":"text","text":"7"}],"name":"x","reasoning":"r"}]"#
      let line = #"{"id":"a","messages":\#(messages),"tools":[{"type":"function","function":{"name":"f"}}]}"#
      try generate(
        0, line, "--template-argument", "think=false", "--template-argument", "level=2", "--template-argument",
        "word=a=b"
      ).expect()
      let rollout = try #require(try scratch.rollouts(0).first)
      #expect(rollout.promptText == "user x r [{'type': 'text', 'text': '7'}].f True 3 a=b")
      #expect(rollout.messages == messages)
      #expect(try parameters(0)["template-argument.think"] == "false" && parameters(0)["date"] == nil)
      // Other arguments would give other prompts.
      try generate(0, line, "--template-argument", "level=2").expect(64, naming: "template-argument.think")
    }

    /// The date is recorded where it counts; a rerun, on whatever day, sees the one on record.
    @Test func date() throws {
      try set(template: "{{ strftime_now('%d %b %Y') }}{{ messages[0].content }}")
      let line = #"{"id":"a","messages":[{"role":"user","content":"!"}]}"#
      try generate(0, line, "--date", "2024-07-26").expect()
      #expect(try scratch.rollouts(0).first?.promptText == "26 Jul 2024!")
      #expect(try parameters(0)["date"] == "2024-07-26")
      let before = try scratch.results()
      try generate(0, line).expect()
      #expect(try scratch.results() == before)
      try generate(0, line, "--date", "2024-07-27").expect(64, naming: "2024-07-26")
      try generate(1, line).expect()
      let today = try #require(try parameters(1)["date"])
      #expect(today.utf8.count == 10 && today != "2024-07-26")
    }

    @Test func faults() throws {
      let line = #"{"id":"a","messages":[{"role":"user","content":"7"}]}"#
      try set(template: "\n {{ messages[0].content.missing.more }}")
      try generate(0, line).expect(65, naming: "prompts.jsonl:1", "has no attribute 'missing'", ":2:32")
      try set(template: "{% for %}")
      try generate(0, line).expect(65, naming: ":1:8")
      for flags in [
        ["--template-argument", "x"], ["--template-argument", "=1"], ["--template-argument", "messages=1"],
      ] {
        try generate(0, line, flags[0], flags[1]).expect(64, naming: "--template-argument")
      }
      try generate(0, line, "--date", "2024-02-30").expect(64, naming: "--date")
      #expect(scratch.names("shards/rollouts").isEmpty)
    }
  }
}
