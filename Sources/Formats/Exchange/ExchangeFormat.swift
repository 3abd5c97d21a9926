/// A kind of JSON Lines file that can be imported. A new one is a file with an `ExchangeFormat` and a row of `table`.
package struct ExchangeFormat: Sendable {
  /// What `--as` calls it.
  package let name: String
  /// For the help: fields and meaning in one line.
  package let summary: String
  /// Whether rows hold tokens already, so that no tokenizer is needed.
  package let holdsTokens: Bool
  /// Whether an object with these members is taken for a row of this format; the first of `table` that says yes wins.
  let recognises: @Sendable (JSONObject) -> Bool
  /// The rows of one line, at least one.
  ///
  /// - Throws: `RollbookError` `badInput` at `place` for anything that is not as the format says.
  let read: @Sendable (_ fields: ExchangeFields) throws -> [ExchangeRow]

  init(
    name: String, summary: String, holdsTokens: Bool = false, recognises: @escaping @Sendable (JSONObject) -> Bool,
    read: @escaping @Sendable (ExchangeFields) throws -> [ExchangeRow]
  ) {
    self.name = name
    self.summary = summary
    self.holdsTokens = holdsTokens
    self.recognises = recognises
    self.read = read
  }

  /// All formats, the more particular first.
  package static let table: [ExchangeFormat] = [
    .rollbook, .primeRL, .preferences, .trl, .verl, .openRLHF, .messages, .completions, .demonstrations, .text,
  ]

  /// The format of a name; nil for none.
  package static func named(_ name: String) -> ExchangeFormat? { table.first { $0.name == name } }

  /// The format of a file, from its first row.
  ///
  /// - Throws: `RollbookError` `badInput` listing the fields found.
  package static func recognised(_ json: JSON, place: String) throws -> ExchangeFormat {
    guard let object = json.object else {
      throw RollbookError.badInput(
        place, "expected a JSON object a line, found \(json.kind)", hint: "a file of one JSON list is no JSON Lines")
    }
    guard let format = table.first(where: { $0.recognises(object) }) else {
      let fields = object.keys.prefix(12).joined(separator: ", ")
      throw RollbookError.badInput(
        place, "expected the fields of a known format, found \(fields.isEmpty ? "none" : fields)",
        hint: "known: \(table.map(\.name).joined(separator: ", ")); see `rollbook import --help`")
    }
    return format
  }

  /// The rows of one line.
  ///
  /// - Throws: `RollbookError` `badInput` at `place`, saying what was expected and found.
  package func rows(_ json: JSON, place: String) throws -> [ExchangeRow] {
    guard let object = json.object else {
      throw RollbookError.badInput(place, "expected a JSON object, found \(json.kind)")
    }
    return try read(ExchangeFields(object, place: place))
  }
}
