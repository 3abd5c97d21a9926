/// A field of a rollout that selections ask for. Adding one is a row of `all`, and one of docs/selection.md.
package struct SelectionField: Sendable {
  enum Kind: Sendable {
    case number
    /// Stored as text.
    case text
    /// Stored as the key of a text.
    case key
    /// 0 or 1, given as such or as true or false.
    case flag
  }

  package let name: String
  let kind: Kind
  /// Of the rollout's row `r`; `@` stands for the score row of the set that is asked.
  let sql: String
  /// Whether it may be missing.
  let isOptional: Bool
  /// One line for people.
  package let meaning: String

  package static let all: [SelectionField] = [
    .init("step", .number, "r.step", "training step"),
    .init("group", .number, "r.prompt_group", "number of the group within the step"),
    .init("sample", .number, "r.sample", "number within the group, from 0"),
    .init("id", .text, "lower(hex(r.id))", "the rollout's id in hex"),
    .init("prompt", .key, "r.prompt", "id of the prompt"),
    .init("task", .key, "r.task", "task of a mixture", optional: true),
    .init("kind", .text, "r.kind", "sample, demonstration, chosen, rejected or text"),
    .init("finish", .text, "r.finish", "stop, stop_string or length"),
    .init("prompt_length", .number, "r.prompt_length", "tokens of the prompt"),
    .init("response_length", .number, "r.response_length", "tokens of the response"),
    .init("policy", .key, "r.policy", "digest of the weights that sampled it"),
    .init("policy_step", .number, "r.policy_step", "step of the checkpoint that sampled it", optional: true),
    .init(
      "staleness", .number, "(r.step - r.policy_step)", "steps between that checkpoint and the rollout's step",
      optional: true),
    .init("reward", .number, "@.reward", "reward in the score set", optional: true),
    .init("passed", .flag, "@.passed", "whether the set's first component is 1 or more", optional: true),
    .init("scored", .flag, "(@.reward IS NOT NULL)", "whether it has a reward in the score set"),
    .init(
      "trained", .flag, "EXISTS (SELECT 1 FROM update_rows u WHERE u.rollout = r.id)", "whether a step trained on it"),
  ]

  private init(_ name: String, _ kind: Kind, _ sql: String, _ meaning: String, optional: Bool = false) {
    self.name = name
    self.kind = kind
    self.sql = sql
    self.meaning = meaning
    isOptional = optional
  }

  /// A component of a score set; its name is bound as the argument `name`.
  static func component(argument name: String) -> SelectionField {
    SelectionField(
      name, .number, "(SELECT value FROM json_each(@.components) WHERE key = \(name))", "", optional: true)
  }
}
