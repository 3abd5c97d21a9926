internal import Formats
internal import Rewards

/// The tests of a prompt, in any of the forms that data sets have.
enum CodeTask {
  struct Case {
    let input: String
    let output: String
  }

  /// Python that calls functions of the program: what the driver is told, without the program.
  case calls(JSONObject)
  /// Programs that read and write.
  case programs([Case])
  case none

  /// From the prompt's `meta`: `tests`, `test`, `test_list`, `test_cases`, `input_output`, or `inputs` and `outputs`;
  /// `entry_point` or `fn_name`; `setup` or `test_setup_code`. Else from its answer, where that is a JSON
  /// list or object, or Python with an `assert`.
  init(_ input: RewardInput) {
    let meta = input.metaText.flatMap { try? JSON.parse($0, source: "meta") }
    let answer = input.answer.map { String(decoding: $0, as: UTF8.self) }
    let entry = Self.first(meta, ["entry_point", "fn_name", "function_name"])?.string
    let setup = Self.lines(Self.first(meta, ["setup", "test_setup_code", "test_imports"]))
    if let tests = Self.first(meta, ["tests", "test", "test_list", "test_cases", "input_output"]) {
      self = Self.task(tests, entry, setup)
    } else if meta?["inputs"]?.array != nil, let meta {
      self = Self.task(meta, entry, setup)
    } else if let answer, answer.contains("assert") || "[{".contains(answer.first ?? " ") {
      self = Self.task(.string(answer), entry, setup)
    } else {
      self = .none
    }
  }

  private static func first(_ meta: JSON?, _ names: [String]) -> JSON? {
    names.lazy.compactMap { meta?[$0] }.first { !$0.isNull }
  }

  private static func task(_ tests: JSON, _ entry: String?, _ setup: String?) -> CodeTask {
    if let text = tests.string {
      let isJSON = "[{".contains(text.first { !$0.isWhitespace } ?? " ")
      if isJSON, let json = try? JSON.parse(text, source: "tests"), json.string == nil {
        return task(json, entry, setup)
      }
      return asserts([text], entry, setup)
    }
    if let list = tests.array {
      let sources = list.compactMap(\.string)
      if !sources.isEmpty {
        return sources.count == list.count ? asserts(sources, entry, setup) : .none
      }
      let pairs = list.compactMap {
        pair($0["input"], $0["output"] ?? $0["expected_output"] ?? $0["expected"])
      }
      return pairs.count == list.count ? cases(pairs, entry) : .none
    }
    guard let inputs = (tests["inputs"] ?? tests["input"])?.array,
      let outputs = (tests["outputs"] ?? tests["output"])?.array, inputs.count == outputs.count
    else { return .none }
    let name = entry ?? tests["fn_name"]?.string
    let pairs = zip(inputs, outputs).compactMap { pair($0, $1) }
    return pairs.count == inputs.count ? cases(pairs, name) : .none
  }

  private static func pair(_ input: JSON?, _ output: JSON?) -> (JSON, JSON)? {
    guard let input, let output else { return nil }
    return (input, output)
  }

  private static func asserts(_ sources: [String], _ entry: String?, _ setup: String?) -> CodeTask {
    var job: JSONObject = ["tests": .array(sources.map { .string($0) })]
    if let entry { job["entry"] = .string(entry) }
    if let setup { job["setup"] = .string(setup) }
    return .calls(job)
  }

  private static func cases(_ pairs: [(JSON, JSON)], _ entry: String?) -> CodeTask {
    if pairs.isEmpty { return .none }
    if let entry {
      let cases = pairs.map { JSON.object(["input": $0.0, "output": $0.1]) }
      return .calls(["cases": .array(cases), "entry": .string(entry)])
    }
    let texts = pairs.compactMap { pair in
      lines(pair.0).flatMap { input in lines(pair.1).map { Case(input: input, output: $0) } }
    }
    return texts.count == pairs.count ? .programs(texts) : .none
  }

  /// A text, or a list of its lines.
  private static func lines(_ json: JSON?) -> String? {
    guard let json else { return nil }
    if let text = json.string { return text }
    guard let list = json.array else { return nil }
    let texts = list.compactMap(\.string)
    return texts.count == list.count ? texts.joined(separator: "\n") : nil
  }
}
