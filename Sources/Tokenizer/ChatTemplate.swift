package import Formats

/// A chat template: the Jinja text that a model comes with, which turns messages into the text of a prompt.
///
/// The settings are those of transformers' `apply_chat_template`: `trim_blocks` and `lstrip_blocks` on, one line end at
/// the end of the template dropped, undefined names print as nothing. A part of Jinja is covered (see `Template/`);
/// everything else is an error that names line and column, never a silent difference.
package struct ChatTemplate: Sendable {
  /// The template's text.
  package let text: String
  private let source: TemplateSource
  private let program: Result<[TemplateNode], RollbookError>

  /// Never fails: a model whose template is not understood can still complete plain prompts. `render` and `check` say
  /// what is wrong.
  ///
  /// - Parameter name: What errors call the template.
  package init(_ text: String, name: String = "chat template") {
    self.text = text
    let source = TemplateSource(text, name: name)
    self.source = source
    do {
      program = .success(try TemplateParser.parse(source))
    } catch let error as RollbookError {
      program = .failure(error)
    } catch {
      program = .failure(RollbookError.bug("\(error)"))
    }
  }

  /// - Throws: `RollbookError` `badInput` with line and column if the template is malformed or uses what is not
  ///   supported.
  package func check() throws { _ = try program.get() }

  /// The text of a prompt.
  ///
  /// - Parameters:
  ///   - messages: Objects with `role` and `content`, and whatever else the template knows. Members that are null are
  ///     left out, as transformers does.
  ///   - addGenerationPrompt: ends the text where the assistant's turn begins.
  ///   - variables: What else the template sees, such as `bos_token` and `eos_token`.
  /// - Throws: `RollbookError` `badInput`: what `check` finds, and what goes wrong in rendering (also the template's
  ///   own `raise_exception`).
  package func render(
    messages: [JSON], addGenerationPrompt: Bool, variables: JSONObject = JSONObject()
  ) throws -> String {
    var names: [String: TemplateValue] = ["tools": .none, "documents": .none]
    for member in variables.members { names[member.key] = TemplateValue(member.value) }
    names["messages"] = .list(messages.map { TemplateValue(Self.withoutNulls($0)) })
    names["add_generation_prompt"] = .bool(addGenerationPrompt)
    return try TemplateInterpreter.render(try program.get(), source, variables: names)
  }

  private static func withoutNulls(_ message: JSON) -> JSON {
    guard let object = message.object else { return message }
    return .object(JSONObject(object.members.filter { !$0.value.isNull }.map { ($0.key, $0.value) }))
  }
}
