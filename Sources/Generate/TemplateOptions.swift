internal import ArgumentParser
internal import Formats
internal import Pipeline
internal import Tokenizer

/// The flags that decide what the chat template makes of messages.
struct TemplateOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "A variable for the chat template, such as enable_thinking=false; may be given several times.",
      discussion: "The value is read as JSON where it is JSON, else as text.", valueName: "key=value"))
  var templateArgument: [String] = []

  @Option(
    help: ArgumentHelp(
      "The date that a chat template which asks for it is told.",
      discussion: """
        Without it, the date that the step's other shards were made with, else today's. It is recorded where it counts. \
        Give it where a run takes days or many machines, so that all of it sees the same prompts.
        """,
      valueName: "YYYY-MM-DD"))
  var date: String?

  /// Names that a template has from elsewhere.
  private static let reserved: Set<String> = ["messages", "add_generation_prompt", "tools"]

  mutating func validate() throws {
    var seen: Set<String> = []
    for argument in templateArgument {
      let name = Self.parts(argument).name
      guard let value = argument.firstIndex(of: "="), value != argument.startIndex else {
        throw ValidationError("--template-argument \(argument): expected key=value, such as enable_thinking=false")
      }
      guard !Self.reserved.contains(name) else {
        throw ValidationError("--template-argument \(argument): \"\(name)\" comes from the prompts")
      }
      guard seen.insert(name).inserted else { throw ValidationError("--template-argument \(name) is given twice") }
    }
    if let date, LocalTime(date)?.date != date {
      throw ValidationError("--date \(date): expected a date such as 2026-11-21")
    }
  }

  private static func parts(_ argument: String) -> (name: String, value: String) {
    let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    return (String(parts[0]), parts.count > 1 ? String(parts[1]) : "")
  }

  private var variables: JSONObject {
    JSONObject(
      templateArgument.map(Self.parts).map { name, value in
        (name, (try? JSON.parse(value, source: name)) ?? .string(value))
      })
  }

  /// For provenance.
  var parameters: [String: String] {
    Dictionary(
      templateArgument.map(Self.parts).map { ("template-argument.\($0.name)", $0.value) }, uniquingKeysWith: { $1 })
  }

  /// The date that templates are told, the same for all shards of a step: a run that was cut off, or a worker that
  /// began later, must not see another.
  func date(_ manifests: [Manifest]) -> String {
    date ?? manifests.lazy.compactMap { $0.action.parameters["date"] }.first ?? Timestamp.localDate
  }

  func input(_ prompt: Prompt, date: String) -> ChatTemplate.Input {
    var input = ChatTemplate.Input(messages: (prompt.messages ?? []).map(\.json), variables: variables)
    if let tools = prompt.tools { input.variables["tools"] = .array(tools) }
    input.now = LocalTime(date)
    return input
  }
}
