import Formats

/// One run of a stage as the manifests of what it made have it.
struct StoredAction: Sendable {
  /// `generate`, `score`, `train`, or `init`, which rollbook-train does.
  let stage: String
  /// What `--step` was.
  let step: Int
  /// What it made and is to be compared; never empty.
  var outputs: [Manifest]

  var action: Manifest.Action { outputs[0].action }
  var inputs: [Manifest.Input] { outputs[0].inputs }

  /// `train step 3`
  var title: String {
    let first = outputs[0]
    switch first.kind {
    case .rollouts: return "\(stage) step \(step) part \(first.part)"
    case .scores: return "\(stage) step \(step) set \(first.set ?? "")"
    case .updates, .checkpoint: return "\(stage) step \(step)"
    }
  }

  /// Whether an output would stand in the way of this action's own, or comes from it.
  func makes(_ manifest: Manifest) -> Bool {
    switch (stage, manifest.kind) {
    case ("generate", .rollouts): manifest.step == step
    case ("score", .scores): manifest.step == step && manifest.set == outputs[0].set
    case ("train", .updates): manifest.step == step
    case ("train", .checkpoint): manifest.step == step + 1
    case ("init", .checkpoint): manifest.step == step
    default: false
    }
  }
}

/// The actions of a buffer, from its manifests; the index, which belongs to the buffer, is left alone.
struct ActionCatalogue {
  static let stages = ["init", "generate", "score", "train"]

  let buffer: Buffer
  /// What is published.
  private(set) var manifests: [Manifest] = []
  /// What cannot be read, a sentence each.
  private(set) var warnings: [String] = []

  init(_ buffer: Buffer) throws {
    self.buffer = buffer
    for kind in Manifest.Kind.allCases {
      for path in try buffer.manifestPaths(kind) {
        do {
          let manifest = try Manifest.read(path)
          if manifest.kind == kind, buffer.manifestPath(of: manifest) == path { manifests.append(manifest) }
        } catch let error as RollbookError { warnings.append("passed over: \(error)") }
      }
    }
  }

  /// The step whose `--step` made an output.
  private static func step(of manifest: Manifest) -> Int {
    manifest.kind == .checkpoint && manifest.action.stage == "train" ? manifest.step - 1 : manifest.step
  }

  /// The actions that made certain outputs, in the order of a run.
  ///
  /// - Parameter whole: Take what is no action of a stage, such as an import, out in silence.
  /// - Throws: `usage` for an output that no stage made.
  func actions(of outputs: [Manifest], whole: Bool) throws -> [StoredAction] {
    var groups: [String: StoredAction] = [:]
    for manifest in outputs {
      let stage = manifest.action.stage
      let step = Self.step(of: manifest)
      guard Self.stages.contains(stage) else {
        if whole { continue }
        throw RollbookError.usage(
          "\(manifest.name) was made by '\(stage)', which is no stage",
          hint: "what can be run again are generate, score and train")
      }
      let part = stage == "generate" ? manifest.part : 0
      let command = (manifest.action.command ?? []).joined(separator: "\u{0}")
      let key = "\(stage)/\(step)/\(part)/\(manifest.set ?? "")/\(stage == "score" ? command : "")"
      groups[key, default: StoredAction(stage: stage, step: step, outputs: [])].outputs.append(manifest)
    }
    let kinds: [Manifest.Kind] = [.checkpoint, .rollouts, .scores, .updates]
    func place(_ action: StoredAction) -> (Int, Int, String, Int) {
      (action.step, Self.stages.firstIndex(of: action.stage) ?? 0, action.outputs[0].set ?? "", action.outputs[0].part)
    }
    return groups.values.map { action in
      var action = action
      action.outputs.sort {
        (kinds.firstIndex(of: $0.kind) ?? 0, $0.part) < (kinds.firstIndex(of: $1.kind) ?? 0, $1.part)
      }
      return action
    }.sorted { place($0) < place($1) }
  }

  /// Everything that a step's stages made.
  func outputs(step: Int) throws -> [Manifest] {
    let found = manifests.filter { Self.step(of: $0) == step }
    guard !found.isEmpty else {
      throw RollbookError.missing(
        "step \(step)", "nothing in \(buffer.root) was made at this step",
        hint: "'rollbook ls \(buffer.root)' lists the steps")
    }
    return found
  }

  /// What a person means by a name: a path or name as `rollbook ls --files` lists it, `latest`, `step:N`, or the step
  /// and what was made there: `2/rollouts`, `2/scores/main`, `2/train`. A training step's outputs go together.
  ///
  /// - Throws: `missing`; `usage` for a name that several have.
  func outputs(named text: String) throws -> [Manifest] {
    var name = text
    while name.utf8.count > 1, name.hasSuffix("/") { name.removeLast() }
    let parts = name.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    var found: [Manifest]
    if let step = Int(parts[0]), (2...3).contains(parts.count) {
      found = manifests.filter { Self.step(of: $0) == step && matches(parts, $0) }
    } else if name == "latest" {
      found = manifests.filter { $0.kind == .checkpoint }.max { $0.step < $1.step }.map { [$0] } ?? []
    } else if name.hasPrefix("step:"), let step = Int(name.dropFirst(5)) {
      found = manifests.filter { $0.kind == .checkpoint && $0.step == step }
    } else {
      found = manifests.filter { isCalled(name, $0) }
      if Set(found.map(\.kind)).count > 1 {
        let paths = found.map { "\n    \(buffer.relative(buffer.path(of: $0)))" }.sorted().joined()
        throw RollbookError.usage(
          "expected one output, found \(found.count) called '\(text)'", hint: "give one of:\(paths)")
      }
    }
    guard let first = found.first else {
      throw RollbookError.missing(
        text, "there is no such output in \(buffer.root)",
        hint:
          "step-000002, 2/rollouts, 2/scores/main, 2/train, or a path as 'rollbook ls \(buffer.root) --files' lists it")
    }
    guard first.action.stage == "train" else { return found }
    let step = Self.step(of: first)
    return manifests.filter { $0.action.stage == "train" && Self.step(of: $0) == step }
  }

  private func matches(_ parts: [String], _ manifest: Manifest) -> Bool {
    switch parts[1] {
    case "rollouts": manifest.kind == .rollouts && (parts.count == 2 || manifest.part == Int(parts[2]))
    case "scores": manifest.kind == .scores && (parts.count == 2 || manifest.set == parts[2])
    case "updates", "train": manifest.action.stage == "train" && parts.count == 2
    default: false
    }
  }

  private func isCalled(_ name: String, _ manifest: Manifest) -> Bool {
    let path = buffer.path(of: manifest)
    return [path, buffer.relative(path), manifest.name].contains { full in
      let stem = full.hasSuffix(".arrow") ? String(full.dropLast(6)) : full
      return name == full || name == stem || name == stem + ".json"
    }
  }
}
