package import Formats

/// A chat template: the Jinja text that a model comes with, which turns messages into the text of a prompt.
///
/// What transformers' `apply_chat_template` makes of it: Jinja's sandbox with `trim_blocks` and
/// `lstrip_blocks`, one line end at the end of the template dropped, undefined names print as nothing, loop controls,
/// `generation` blocks. Nothing outside of the arguments can be reached; steps, text and nesting are bounded. What is
/// not covered is an error that names line and column, never a silent difference.
package struct ChatTemplate: Sendable {
  /// The template's text.
  package let text: String
  private let source: JinjaSource
  private let program: Result<[JinjaNode], RollbookError>

  /// Never fails: a model whose template is not understood can still complete plain prompts. `render` and `check` say
  /// what is wrong.
  ///
  /// - Parameter name: What errors call the template.
  package init(_ text: String, name: String = "chat template") {
    self.text = text
    let source = JinjaSource(text, name: name)
    self.source = source
    do {
      program = .success(try JinjaParser.parse(source))
    } catch let error as RollbookError {
      program = .failure(error)
    } catch {
      program = .failure(RollbookError.bug("\(error)"))
    }
  }

  /// - Throws: `RollbookError` `badInput` with line and column if the template is malformed or uses what is not
  ///   supported.
  package func check() throws { _ = try program.get() }

  /// What a template is given.
  package struct Input: Sendable {
    /// Objects with `role` and `content`, and whatever else the template knows.
    package var messages: [JSON]
    /// Ends the text where the assistant's turn begins.
    package var addGenerationPrompt = true
    /// Ends the text where the last message's content ends, for it to be continued.
    package var continueFinalMessage = false
    /// Keeps members of messages that are null. transformers 5.23 leaves them out and gives reasoning under all its
    /// names (`reasoning_content`, `thinking`); older ones did neither, and some templates count on that.
    package var keepNulls = false
    /// What else the template sees, such as `bos_token`, `tools` and `enable_thinking`.
    package var variables: JSONObject
    /// What `strftime_now` tells; without it, a template that asks is an error.
    package var now: LocalTime?

    package init(
      messages: [JSON], addGenerationPrompt: Bool = true, variables: JSONObject = JSONObject()
    ) {
      (self.messages, self.addGenerationPrompt, self.variables) = (
        messages, addGenerationPrompt, variables
      )
    }
  }

  /// What a template made.
  package struct Output: Sendable {
    package var text: String
    /// What stands in `{% generation %}` blocks, the assistant's own words: ranges of Unicode scalars of `text`.
    package var generationSpans: [Range<Int>]
    /// Whether the template asked for the date.
    package var usesClock: Bool
  }

  /// The text of a prompt.
  ///
  /// - Throws: `RollbookError` `badInput` with line and column: what `check` finds, and what goes wrong in rendering
  ///   (also the template's own `raise_exception`).
  package func render(_ input: Input) throws -> Output {
    var messages = input.keepNulls ? input.messages : input.messages.map(Self.prepared)
    if input.continueFinalMessage { try mark(&messages) }
    var names: [String: JinjaValue] = ["tools": .none, "documents": .none]
    let interpreter: JinjaInterpreter
    do {
      for member in input.variables.members { names[member.key] = try JinjaValue(member.value) }
      names["messages"] = try .list(messages.map { try JinjaValue($0) })
      names["add_generation_prompt"] = .bool(input.addGenerationPrompt)
      interpreter = JinjaInterpreter(source, variables: names, now: input.now)
    } catch let fault as JinjaFault {
      throw RollbookError.badInput(
        source.name, "the messages cannot be given to the template: \(fault.message)")
    }
    let rendered = try interpreter.render(try program.get())
    var output = Output(
      text: rendered.text, generationSpans: rendered.spans, usesClock: interpreter.usesClock)
    if input.continueFinalMessage { try cut(&output, messages: input.messages) }
    return output
  }

  private static let reasoningNames = ["reasoning_content", "thinking", "reasoning"]

  /// A message as transformers 5.23 gives it to templates.
  private static func prepared(_ message: JSON) -> JSON {
    guard let object = message.object else { return message }
    let kept = JSONObject(object.members.filter { !$0.value.isNull }.map { ($0.key, $0.value) })
    guard let reasoning = reasoningNames.lazy.compactMap({ kept[$0] }).first else {
      return .object(kept)
    }
    var result = JSONObject([("thinking", reasoning)])
    for member in kept.members { result[member.key] = member.value }
    result["reasoning_content"] = reasoning
    return .object(result)
  }

  // MARK: Continuing the last message

  /// What is put behind the last message's content, to be found again in the text. The space at its end tells whether
  /// the template trims the content.
  private static let continuation = "CONTINUE_FINAL_MESSAGE_TAG "

  private func fault(_ message: String) -> RollbookError {
    RollbookError.badInput(
      source.name, message, hint: "the last message cannot be continued with this template")
  }

  private func mark(_ messages: inout [JSON]) throws {
    guard var last = messages.last?.object, let content = last["content"] else {
      throw fault("expected a last message with content to continue, found none")
    }
    if let text = content.string {
      last["content"] = .string(text + Self.continuation)
    } else if var parts = content.array,
      let index = parts.lastIndex(where: { $0["text"]?.string != nil }),
      var part = parts[index].object, let text = part["text"]?.string
    {
      part["text"] = .string(text + Self.continuation)
      parts[index] = .object(part)
      last["content"] = .array(parts)
    } else {
      throw fault("expected text to continue in the last message, found \(content.kind)")
    }
    messages[messages.count - 1] = .object(last)
  }

  private func cut(_ output: inout Output, messages: [JSON]) throws {
    let word = Self.continuation.dropLast()
    let parts = PythonText.splitFromEnd(output.text, by: String(word), limit: 1)
    guard parts.count == 2 else {
      throw fault("expected the last message at the end of the text, found it nowhere")
    }
    // Where the space is gone, the template trims its messages.
    output.text =
      parts[1].utf8.first == UInt8(ascii: " ")
      ? parts[0] : PythonText.stripped(parts[0], .right, characters: nil)
    let count = output.text.unicodeScalars.count
    output.generationSpans = output.generationSpans.filter { $0.lowerBound < count }
      .map { $0.lowerBound..<min($0.upperBound, count) }
  }
}
