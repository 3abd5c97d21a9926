import Formats
import Foundation
import Testing

@Suite struct PromptTests {
  private func read(_ text: String) throws -> [Prompt] {
    let scratch = try ScratchFolder()
    return try Prompt.read(jsonl: scratch.file("prompts.jsonl", Array(text.utf8)))
  }

  @Test func bothKindsOfPromptsAreRead() throws {
    let prompts = try read(
      """
      {"id": "a", "messages": [{"role": "system", "content": "Hi"}, {"role": "user", "content": "1+1?"}], "answer": "2"}

      {"id": "b", "prompt": "Once", "task": "story", "meta": {"level": [1, 2]}, "other": true, "answer": 12}\r
      {"id": "c", "prompt": "", "answer": null, "messages": null}
      """)
    #expect(prompts.map(\.id) == ["a", "b", "c"])
    #expect(prompts.map(\.line) == [1, 3, 4])
    #expect(prompts[0].messages?.map(\.role) == ["system", "user"])
    #expect(prompts[0].text == nil)
    #expect(prompts[1].text == "Once")
    #expect(prompts[1].task == "story")
    #expect(prompts[1].answer == "12")
    #expect(prompts[1].meta == ["level": [1, 2]])
    #expect(prompts[2].text == "")
    #expect(prompts[2].answer == nil)
  }

  @Test(arguments: [
    ("{\"id\": ", "expected"),
    ("[1]", "expected a JSON object, found an array"),
    ("{\"prompt\": \"x\"}", "\"id\""),
    ("{\"id\": 3, \"prompt\": \"x\"}", "\"id\" to be a string"),
    ("{\"id\": \"\", \"prompt\": \"x\"}", "\"id\""),
    ("{\"id\": \"a/b\", \"prompt\": \"x\"}", "without '/'"),
    ("{\"id\": \"a\\nb\", \"prompt\": \"x\"}", "control characters"),
    ("{\"id\": \"x\"}", "found neither"),
    ("{\"id\": \"x\", \"prompt\": \"x\", \"messages\": [{\"role\": \"user\", \"content\": \"x\"}]}", "found both"),
    ("{\"id\": \"x\", \"messages\": []}", "list of messages"),
    ("{\"id\": \"x\", \"messages\": [{\"role\": \"user\"}]}", "\"content\" of a message"),
    ("{\"id\": \"x\", \"messages\": [{\"role\": \"user\", \"content\": 3}]}", "found an integer"),
    ("{\"id\": \"x\", \"messages\": [{\"content\": \"x\"}]}", "a string \"role\""),
    ("{\"id\": \"x\", \"prompt\": \"x\", \"tools\": [{}]}", "beside \"prompt\""),
    ("{\"id\": \"x\", \"messages\": [{\"role\": \"user\", \"content\": \"\"}], \"tools\": 1}", "\"tools\""),
    ("{\"id\": \"x\", \"prompt\": \"x\", \"answer\": [1]}", "\"answer\""),
    ("{\"id\": \"x\", \"prompt\": \"x\", \"task\": 1}", "\"task\""),
    ("{\"id\": \"first\", \"prompt\": \"x\"}", "first at line 1"),
  ])
  func errorsNameFileAndLine(_ line: String, _ message: String) throws {
    let scratch = try ScratchFolder()
    let text = "{\"id\": \"first\", \"prompt\": \"x\"}\n\n\(line)\n{\"id\": \"last\", \"prompt\": \"x\"}\n"
    let path = try scratch.file("prompts.jsonl", Array(text.utf8))
    let error = rollbookError { _ = try Prompt.read(jsonl: path) }
    #expect(error?.code == .badInput)
    #expect(error?.place.hasPrefix("\(path):3") == true, "\(error?.place ?? "")")
    #expect(error?.message.contains(message) == true, "\(error?.message ?? "")")
  }

  /// What the chat template knows beyond role and content goes through as it is, in its order.
  @Test func messagesKeepAllTheirMembers() throws {
    let messages = """
      [{"role":"assistant","tool_calls":[{"b":1.0,"a":{}}],"content":null,"name":"x"},\
      {"content":[{"type":"text","text":"1"},{"type":"image"},{"text":"2"}],"role":"tool"}]
      """
    let prompt = try #require(try read("{\"id\": \"a\", \"messages\": \(messages), \"tools\": [{\"f\": 1}]}").first)
    #expect(prompt.tools == [["f": 1]])
    let read = try #require(prompt.messages)
    #expect(try Message.json(read) == messages)
    #expect(read.map(\.content) == ["", "12"])
  }

  @Test func filesWithoutPromptsAreErrors() throws {
    #expect(rollbookError { _ = try read("") }?.code == .badInput)
    #expect(rollbookError { _ = try read("\n \n") }?.code == .badInput)
    #expect(rollbookError { _ = try Prompt.read(jsonl: "/nonexistent/prompts.jsonl") }?.code == .missing)
  }

  @Test func aConversationGoesToTextAndBack() throws {
    let messages = [Message(role: "user", content: "\"é\"\n"), Message(role: "assistant", content: "")]
    let text = try Message.json(messages)
    #expect(try Message.messages(JSON.parse(text), place: "x") == messages)
  }
}
