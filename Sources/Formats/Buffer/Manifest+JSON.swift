// Manifests as text: a fixed order of fields, maps by key, one field a line.

extension Manifest {
  /// The manifest's text, checksum included, ending in a newline. Equal manifests give equal text.
  package func serialized() throws -> String {
    try SealedJSON.text(object)
  }

  package var json: JSON { .object(object) }

  private var object: JSONObject {
    var object = JSONObject()
    object["version"] = .int(version)
    object["kind"] = .string(kind.rawValue)
    object["name"] = .string(name)
    object["digest"] = .string(digest)
    object["bytes"] = .int(bytes)
    object["rows"] = .int(rows)
    object["batches"] = .int(batches)
    object["schema_version"] = .int(schemaVersion)
    object["step"] = .int(step)
    object["part"] = .int(part)
    object["set"] = set.map { .string($0) }
    object["columns"] = columns.map { .array($0.map { .string($0) }) }
    object["files"] = files.map { files in
      .array(
        files.map { ["name": .string($0.name), "bytes": .int($0.bytes), "digest": .string($0.digest)] })
    }
    object["complete"] = .bool(complete)
    object["inputs"] = .array(
      inputs.map { ["role": .string($0.role), "name": .string($0.name), "digest": .string($0.digest)] })
    object["action"] = action.json
    object["summary"] = .object(
      JSONObject(summary.sorted { $0.key < $1.key }.map { ($0.key, $0.value.isFinite ? .double($0.value) : .null) }))
    return object
  }

  /// Reads a manifest file.
  ///
  /// - Throws: `RollbookError` `missing`, or `badInput` for text that is no manifest, one of a newer version, and one
  ///   whose checksum says that it was changed.
  package static func read(_ path: String) throws -> Manifest {
    try Manifest(json: SealedJSON.read(path), source: path)
  }

  /// - Parameter source: What an error calls the place, usually the path.
  package init(json: JSON, source: String) throws {
    let fields = ManifestFields(json: json, place: source)
    let version = try fields.int("version")
    guard version <= Manifest.currentVersion else {
      throw RollbookError.badInput(
        source, "expected a manifest of version \(Manifest.currentVersion) or older, found \(version)",
        hint: "a newer Rollbook wrote it: update this one")
    }
    guard let kind = Kind(rawValue: try fields.string("kind")) else {
      throw RollbookError.badInput(
        source, "expected \"kind\" to be one of \(Kind.allCases.map(\.rawValue).joined(separator: ", ")), "
          + "found \"\(try fields.string("kind"))\"")
    }
    self.init(
      kind: kind, name: try fields.string("name"), schemaVersion: try fields.int("schema_version"),
      step: try fields.int("step"), part: try fields.int("part"), set: try fields.optionalString("set"),
      complete: try fields.bool("complete"), action: try Action(fields.member("action")))
    self.version = version
    digest = try fields.string("digest")
    bytes = try fields.int("bytes")
    rows = try fields.int("rows")
    batches = try fields.int("batches")
    columns = try fields.optionalArray("columns")?.map { try fields.text($0, "columns") }
    files = try fields.optionalArray("files")?.map { entry in
      let file = ManifestFields(json: entry, place: source)
      return File(name: try file.string("name"), bytes: try file.int("bytes"), digest: try file.string("digest"))
    }
    inputs = try (fields.optionalArray("inputs") ?? []).map { entry in
      let input = ManifestFields(json: entry, place: source)
      return Input(
        role: try input.string("role"), name: try input.string("name"), digest: try input.string("digest"))
    }
    for member in try fields.member("summary").members() {
      summary[member.key] = try member.value.isNull ? .nan : fields.number(member.value, "summary.\(member.key)")
    }
    guard !name.isEmpty, name != ".", name != "..", !name.utf8.contains(UInt8(ascii: "/")) else {
      throw RollbookError.badInput(source, "expected \"name\" to be a file name, found \"\(name)\"")
    }
  }
}

extension Manifest.Action {
  fileprivate var json: JSON {
    func map(_ values: [String: String]) -> JSON {
      .object(JSONObject(values.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) }))
    }
    var object = JSONObject()
    object["key"] = .string(key)
    object["stage"] = .string(stage)
    object["parameters"] = map(parameters)
    object["seed"] = seed.map { .int($0) }
    object["policy"] = policy.map { .string($0) }
    object["tokenizer"] = tokenizer.map { .string($0) }
    var code = JSONObject()
    code["version"] = .string(self.code.version)
    code["commit"] = self.code.commit.map { .string($0) }
    code["lz4"] = self.code.lz4.map { .string($0) }
    object["code"] = .object(code)
    object["kernels"] = .string(kernels)
    object["threads"] = .int(threads)
    object["command"] = command.map { .array($0.map { .string($0) }) }
    object["directory"] = directory.map { .string($0) }
    object["host"] = .string(host)
    object["pid"] = .int(pid)
    object["scheduler"] = map(scheduler)
    object["started"] = .string(started)
    object["finished"] = .string(finished)
    return .object(object)
  }

  fileprivate init(_ fields: ManifestFields) throws {
    let code = try fields.member("code")
    self.init(
      key: try fields.string("key"), stage: try fields.string("stage"),
      parameters: try fields.member("parameters").strings(), seed: try fields.optionalInt("seed"),
      policy: try fields.optionalString("policy"), tokenizer: try fields.optionalString("tokenizer"),
      code: Code(
        version: try code.string("version"), commit: try code.optionalString("commit"),
        lz4: try code.optionalString("lz4")),
      kernels: try fields.string("kernels"), threads: try fields.int("threads"),
      command: try fields.optionalArray("command")?.map { try fields.text($0, "command") },
      directory: try fields.optionalString("directory"), host: try fields.string("host"), pid: try fields.int("pid"), scheduler: try fields.member("scheduler").strings(),
      started: try fields.string("started"), finished: try fields.string("finished"))
  }
}

/// Typed look-ups in an object that name the file and the field when something else is there.
private struct ManifestFields {
  let json: JSON
  let place: String
  var prefix = ""

  private func fault(_ key: String, _ expected: String, _ found: JSON?) -> RollbookError {
    RollbookError.badInput(
      place, "expected \"\(prefix)\(key)\" to be \(expected), found \(found?.kind ?? "nothing")",
      hint: "the manifest was edited or damaged")
  }

  func int(_ key: String) throws -> Int {
    guard let value = json[key]?.int else { throw fault(key, "an integer", json[key]) }
    return value
  }

  func bool(_ key: String) throws -> Bool {
    guard let value = json[key]?.bool else { throw fault(key, "a boolean", json[key]) }
    return value
  }

  func string(_ key: String) throws -> String {
    guard let value = json[key]?.string else { throw fault(key, "a string", json[key]) }
    return value
  }

  func optionalInt(_ key: String) throws -> Int? {
    try json[key].map { $0.isNull } ?? true ? nil : int(key)
  }

  func optionalString(_ key: String) throws -> String? {
    try json[key].map { $0.isNull } ?? true ? nil : string(key)
  }

  func optionalArray(_ key: String) throws -> [JSON]? {
    guard let value = json[key], !value.isNull else { return nil }
    guard let array = value.array else { throw fault(key, "an array", value) }
    return array
  }

  func text(_ value: JSON, _ key: String) throws -> String {
    guard let text = value.string else { throw fault(key, "a list of strings", value) }
    return text
  }

  func number(_ value: JSON, _ key: String) throws -> Double {
    guard let number = value.double else { throw fault(key, "a number", value) }
    return number
  }

  func member(_ key: String) throws -> ManifestFields {
    guard let value = json[key], value.object != nil else { throw fault(key, "an object", json[key]) }
    return ManifestFields(json: value, place: place, prefix: "\(prefix)\(key).")
  }

  func members() -> [JSONObject.Member] { json.object?.members ?? [] }

  func strings() throws -> [String: String] {
    var result: [String: String] = [:]
    for member in members() { result[member.key] = try text(member.value, member.key) }
    return result
  }
}
