/// One prompt of a JSON Lines file: `{"id", "messages" or "prompt", "tools", "answer", "task", "meta"}`.
package struct Prompt: Equatable, Sendable {
  package var id: String
  /// A conversation to render with the model's chat template; nil when `text` is set.
  package var messages: [Message]?
  /// Text to continue as it is; nil when `messages` is set.
  package var text: String?
  /// The functions that the chat template offers to the model, as JSON schemas; nil for none.
  package var tools: [JSON]?
  /// What verifiers compare with.
  package var answer: String?
  package var task: String?
  /// Anything else, kept with the rollouts.
  package var meta: JSON?
  /// Line in the file, from 1.
  package var line: Int

  package init(
    id: String, messages: [Message]? = nil, text: String? = nil, tools: [JSON]? = nil, answer: String? = nil,
    task: String? = nil, meta: JSON? = nil, line: Int = 0
  ) {
    self.id = id
    self.messages = messages
    self.text = text
    self.tools = tools
    self.answer = answer
    self.task = task
    self.meta = meta
    self.line = line
  }
}

extension Prompt {
  /// Reads a file of prompts, one JSON object a line; empty lines are passed over.
  ///
  /// - Throws: `RollbookError` `missing` for no such file; `badInput` naming `file:line` for a line that is no prompt
  ///   and for an id used twice, and naming the file when it holds no prompt at all.
  package static func read(jsonl path: String) throws -> [Prompt] {
    let file = try MappedFile(path: path)
    var prompts: [Prompt] = []
    var lines: [String: Int] = [:]
    var number = 0
    var rest = file.bytes[...]
    while !rest.isEmpty {
      number += 1
      let end = rest.firstIndex(of: UInt8(ascii: "\n")) ?? rest.endIndex
      let bytes = Array(rest[rest.startIndex..<end])
      rest = rest[min(end + 1, rest.endIndex)...]
      if bytes.allSatisfy({ $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") || $0 == UInt8(ascii: "\r") }) {
        continue
      }
      let json = try JSON.parse(bytes, source: path, firstLine: number)
      let prompt = try Prompt(json, place: "\(path):\(number)", line: number)
      if let first = lines.updateValue(number, forKey: prompt.id) {
        throw RollbookError.badInput(
          "\(path):\(number)", "expected ids to differ, found '\(prompt.id)' again, first at line \(first)",
          hint: "rollouts are addressed by prompt id")
      }
      prompts.append(prompt)
    }
    guard !prompts.isEmpty else {
      throw RollbookError.badInput(path, "expected prompts, one JSON object a line, found none")
    }
    return withExtendedLifetime(file) { prompts }
  }

  private init(_ json: JSON, place: String, line: Int) throws {
    func fault(_ message: String) -> RollbookError {
      RollbookError.badInput(place, message, hint: "a prompt has \"id\" and either \"messages\" or \"prompt\"")
    }
    guard json.object != nil else { throw fault("expected a JSON object, found \(json.kind)") }
    func string(_ key: String) throws -> String? {
      guard let value = json[key], !value.isNull else { return nil }
      guard let text = value.string else { throw fault("expected \"\(key)\" to be a string, found \(value.kind)") }
      return text
    }
    guard let id = try string("id"), !id.isEmpty else { throw fault("expected a string \"id\", found none") }
    // The id is one part of the address STEP/PROMPT/SAMPLE, and appears in listings line by line.
    guard id.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7f && $0 != "/" }) else {
      throw fault("expected an \"id\" without '/' and control characters, found \(JSON.string(id).kind) that has one")
    }
    let messages = try json["messages"].flatMap { $0.isNull ? nil : try Message.messages($0, place: place) }
    let text = try string("prompt")
    guard (messages == nil) != (text == nil) else {
      throw fault("expected one of \"messages\" and \"prompt\", found \(text == nil ? "neither" : "both")")
    }
    let meta = json["meta"].flatMap { $0.isNull ? nil : $0 }
    self.init(
      id: id, messages: messages, text: text, tools: try Self.tools(json["tools"], text, fault),
      answer: try Self.answer(json["answer"], fault), task: try string("task"), meta: meta, line: line)
  }

  /// Objects, each with the schema of a function. Only a chat template can show them to the model.
  private static func tools(_ json: JSON?, _ text: String?, _ fault: (String) -> RollbookError) throws -> [JSON]? {
    guard let json, !json.isNull else { return nil }
    guard let tools = json.array, tools.allSatisfy({ $0.object != nil }) else {
      throw fault("expected \"tools\" to be a list of objects, found \(json.kind) that is none")
    }
    guard text == nil else { throw fault("expected \"tools\" beside \"messages\", found them beside \"prompt\"") }
    return tools.isEmpty ? nil : tools
  }

  /// A string, or a number taken by its digits.
  private static func answer(_ json: JSON?, _ fault: (String) -> RollbookError) throws -> String? {
    switch json {
    case nil, .null: nil
    case .string(let text): text
    case .int, .double: try json?.serialized()
    case .some(let other): throw fault("expected \"answer\" to be a string or a number, found \(other.kind)")
    }
  }
}
