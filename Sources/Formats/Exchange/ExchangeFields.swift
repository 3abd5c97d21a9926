/// Typed look-ups in one row, with errors that name place and field. What nobody asked for is `rest`.
///
/// A field that is null counts as one that is not there.
final class ExchangeFields {
  let object: JSONObject
  let place: String
  private var used: Set<String> = []

  init(_ object: JSONObject, place: String) {
    self.object = object
    self.place = place
  }

  func fault(_ message: String, hint: String? = nil) -> RollbookError { .badInput(place, message, hint: hint) }

  func fault(_ key: String, _ expected: String, _ found: JSON?) -> RollbookError {
    fault("expected \"\(key)\" to be \(expected), found \(found?.kind ?? "nothing")")
  }

  /// The value of a field, which is then no longer among the rest.
  func take(_ key: String) -> JSON? {
    used.insert(key)
    guard let value = object[key], !value.isNull else { return nil }
    return value
  }

  /// The first of several names for one thing that is there.
  func take(_ keys: [String]) -> (key: String, value: JSON)? {
    let found = keys.map { ($0, take($0)) }
    return found.lazy.compactMap { key, value in value.map { (key: key, value: $0) } }.first
  }

  /// Leaves a field out of the rest.
  func drop(_ keys: String...) { used.formUnion(keys) }

  func string(_ key: String) throws -> String? {
    guard let value = take(key) else { return nil }
    guard let text = value.string else { throw fault(key, "a string", value) }
    return text
  }

  func int(_ key: String) throws -> Int? {
    guard let value = take(key) else { return nil }
    guard let number = value.int else { throw fault(key, "an integer", value) }
    return number
  }

  func number(_ key: String) throws -> Double? {
    guard let value = take(key) else { return nil }
    guard let number = value.double else { throw fault(key, "a number", value) }
    return number
  }

  func required<Value>(_ value: Value?, _ keys: String...) throws -> Value {
    guard let value else {
      let names = keys.map { "\"\($0)\"" }.joined(separator: " or ")
      let found = object.keys.prefix(12).joined(separator: ", ")
      throw fault("expected \(names), found only: \(found.isEmpty ? "nothing" : found)")
    }
    return value
  }

  /// What a verifier compares with: a string, or anything else as its JSON.
  func answer(_ keys: String...) throws -> String? {
    guard let (_, value) = take(keys) else { return nil }
    return try value.string ?? value.serialized()
  }

  /// A name for the prompt: a string, or a number by its digits. It becomes part of the address STEP/PROMPT/SAMPLE.
  func promptID(_ keys: String...) throws -> String? {
    guard let (key, value) = take(keys) else { return nil }
    let text: String
    switch value {
    case .string(let string): text = string
    case .int(let number): text = String(number)
    default: throw fault(key, "a string or an integer", value)
    }
    guard Self.isLegal(promptID: text) else {
      throw fault(
        "expected \"\(key)\" without '/' and control characters, and not empty",
        hint: "remove the field: prompts are then named by a digest of their text")
    }
    return text
  }

  static func isLegal(promptID text: String) -> Bool {
    !text.isEmpty && text.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7f && $0 != "/" }
  }

  /// Why a response ended, where a row says so in one of the usual words.
  func finish() throws -> FinishReason {
    guard let word = try string("finish_reason") else { return .stop }
    switch word {
    case "stop", "eos", "tool_calls": return .stop
    case "stop_string": return .stopString
    case "length", "max_tokens": return .length
    default: throw fault("expected \"finish_reason\" to be stop, stop_string or length, found '\(word)'")
    }
  }

  /// Every number and boolean that is left, as components: a boolean is 0 or 1.
  func components() -> [ExchangeScore.Component] {
    object.members.filter { !used.contains($0.key) && !$0.key.isEmpty }.compactMap { member in
      guard let value = member.value.double ?? member.value.bool.map({ $0 ? 1 : 0 }) else { return nil }
      used.insert(member.key)
      return ExchangeScore.Component(member.key, value)
    }
  }

  /// `meta` as it is when nothing else is left, or an object of all that is.
  func rest() -> JSON? {
    let left = object.members.filter { !used.contains($0.key) && !$0.value.isNull }
    if left.count == 1, left[0].key == "meta" { return left[0].value }
    return left.isEmpty ? nil : .object(JSONObject(left.map { ($0.key, $0.value) }))
  }
}
