internal import Formats
internal import Pipeline
internal import Rewards

/// One line that a program answered: `{"id": …, "reward": 0.5, "extracted": "…"}`.
struct ProgramAnswer {
  let id: String
  let output: RewardOutput

  /// - Throws: `badInput` with the place, what was expected and what was found.
  init(_ line: [UInt8], place: String) throws {
    let json: JSON
    do { json = try JSON.parse(line) } catch let error as RollbookError {
      throw Self.fault(line, place, "expected one JSON object a line, found none: \(error.message)")
    }
    guard let object = json.object else { throw Self.fault(line, place, "expected a JSON object, found \(json.kind)") }
    guard let id = object["id"]?.string else {
      throw Self.fault(line, place, "expected \"id\" as it was asked, found \(object["id"]?.kind ?? "none")")
    }
    guard let reward = object["reward"] else {
      throw Self.fault(line, place, "row \(id): expected \"reward\", a number or null, found none")
    }
    guard reward.isNull || reward.double?.isFinite == true else {
      throw Self.fault(line, place, "row \(id): expected \"reward\" to be a finite number or null, found \(reward.kind)")
    }
    let extracted = object["extracted"] ?? .null
    guard extracted.isNull || extracted.string != nil else {
      throw Self.fault(line, place, "row \(id): expected \"extracted\" to be a string, found \(extracted.kind)")
    }
    self.id = id
    output =
      extracted.string.map { RewardOutput(reward.double, extracted: $0.utf8) } ?? RewardOutput(reward.double)
  }

  private static func fault(_ line: [UInt8], _ place: String, _ message: String) -> RollbookError {
    let text = String(decoding: line, as: UTF8.self)
    let hint =
      ["NaN", "Infinity"].contains { text.contains($0) }
      ? "JSON has no NaN and no infinity: answer null where there is no reward"
      : "standard output is for answers only; what people shall see goes to standard error"
    return .badInput(place, "\(message); the line is '\(Terminal.sanitizeLine(text, limit: 200))'", hint: hint)
  }
}
