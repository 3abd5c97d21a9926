/// 1 when the response is JSON (RFC 8259, strictly: ``JSONText``), else 0.
///
/// `from=response` (default): all of it, white space at the ends aside; `from=tag`: the content of the last `<answer>`
/// tag; `from=fence`: the last closed ```` ```json ```` block. 0 where there is no such part.
package struct JSONReward: RolloutReward {
  enum Place: String, CaseIterable {
    case response, tag, fence

    func range(in text: [UInt8]) -> Range<Int>? {
      switch self {
      case .response: 0..<text.count
      case .tag: Source.tag.range(in: text)
      case .fence: lastJSONFence(in: text)
      }
    }
  }

  let place: Place

  package let name = "json"
  package let version = 1
  package var parameters: [(name: String, value: String)] { [("from", place.rawValue)] }

  static let places = "response, tag: the last <answer> tag, or fence: the last ```json block"
  static let entry = RewardRegistry.Entry(
    name: "json", summary: "1 when the response is JSON", keys: [("from", places)],
    make: { (options) throws(RewardError) in JSONReward(place: try options.choice("from", default: .response)) })

  package func score(_ input: RewardInput) -> RewardOutput {
    guard let range = place.range(in: input.response), (try? JSONText.parse(input.response, in: range)) != nil else {
      return RewardOutput(0)
    }
    return RewardOutput(1, extracted: input.response[input.response.trimmed(range)])
  }
}

/// 1 when the response (or the part that `from` names) is JSON that a schema accepts, else 0.
///
/// The schema is the setting `schema=…`, or else the prompt's `meta.schema` (an object, or text that holds one); see
/// ``JSONSchema`` for the part of JSON Schema that is supported. nil: no schema, or one of `meta` that cannot be used;
/// what is wrong with it is then in `extracted`.
package struct JSONSchemaReward: Reward {
  let place: JSONReward.Place
  let schema: JSONSchema?
  let source: String?

  package let name = "json-schema"
  package let version = 1
  package var needs: RewardNeeds { schema == nil ? .meta : [] }
  package var parameters: [(name: String, value: String)] {
    [("from", place.rawValue), ("schema", source ?? "meta")]
  }

  static let entry = RewardRegistry.Entry(
    name: "json-schema", summary: "1 when the response is JSON that the schema accepts",
    keys: [("from", JSONReward.places), ("schema", "the schema as JSON; else meta.schema")],
    make: { (options) throws(RewardError) in
      let place: JSONReward.Place = try options.choice("from", default: .response)
      guard let text = options["schema"] else { return JSONSchemaReward(place: place, schema: nil, source: nil) }
      do throws(RewardError) {
        return JSONSchemaReward(place: place, schema: try JSONSchema(try JSONText.parse(text)), source: text)
      } catch {
        throw RewardError("json-schema: schema: \(error)")
      }
    })

  package func score(_ group: [RewardInput]) -> [RewardOutput] {
    // The responses of a prompt share its schema: it is read once.
    var known: (fact: Fact, schema: Result<JSONSchema, RewardError>)?
    return group.map { input in
      if let schema { return verdict(input, schema) }
      guard let fact = input.meta["schema"], fact != .null else { return RewardOutput(nil) }
      if known?.fact != fact { known = (fact, Self.read(fact)) }
      switch known?.schema {
      case .success(let schema): return verdict(input, schema)
      case .failure(let error): return RewardOutput(nil, extracted: "meta.schema: \(error)".utf8)
      case nil: return RewardOutput(nil)
      }
    }
  }

  private static func read(_ fact: Fact) -> Result<JSONSchema, RewardError> {
    do throws(RewardError) {
      return .success(
        try JSONSchema(try fact.text.map { (text) throws(RewardError) in try JSONText.parse(text) } ?? fact))
    } catch {
      return .failure(error)
    }
  }

  private func verdict(_ input: RewardInput, _ schema: JSONSchema) -> RewardOutput {
    guard let range = place.range(in: input.response),
      let value = try? JSONText.parse(input.response, in: range)
    else { return RewardOutput(0) }
    return RewardOutput(schema.accepts(value) ? 1 : 0, extracted: input.response[input.response.trimmed(range)])
  }
}
