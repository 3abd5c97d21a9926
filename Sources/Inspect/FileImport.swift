import Formats
import Foundation
import Pipeline
import Tokenizer

/// One file on its way into shards: rows become groups, groups fill shards in staging, and only when the last line was
/// good are the shards published.
final class FileImport {
  /// Rows after which a shard ends, with its group.
  static let rowsPerShard = 8192
  /// Bytes of texts and tokens after which it does.
  static let bytesPerShard = 256 << 20
  private static let componentLimit = 256

  let path: String
  let importer: Importer
  let action: (Int) -> Provenance
  private let fileDigest: String
  private let source: ImportSource
  private let tokens: ImportTokens?
  private var report: ImportReport
  private var shards: [ImportedShard] = []
  private var group: [StoredRow] = []
  private var seen: Set<RolloutID> = []
  private var tokenizer: (digest: String?, place: String)?

  init(
    _ path: String, _ digest: String, _ source: ImportSource, _ tokens: ImportTokens?, _ importer: Importer,
    _ action: @escaping (Int) -> Provenance
  ) {
    self.path = path
    self.importer = importer
    self.action = action
    self.source = source
    self.tokens = tokens
    fileDigest = digest
    report = ImportReport(path: path, format: source.name)
  }

  private func key(_ shard: Int) -> String { action(shard).key }

  /// The staging files' name, the same at every attempt.
  var stem: String { "import-\(key(0).dropFirst(Digest.prefix.utf8.count).prefix(16))" }

  /// What a finished import of the same file left; nil when there is none.
  func already(_ stored: StoredRollouts) throws -> ImportReport? {
    guard let first = stored.shard(key(0)), let count = first.summary["shards"].flatMap({ Int(exactly: $0) }) else {
      return nil
    }
    var report = report
    report.isOld = true
    var scores: [Int: [Manifest]] = [:]
    for index in 0..<max(count, 1) {
      guard let shard = stored.shard(key(index)) else { return nil }
      let all = try scores[shard.step] ?? importer.buffer.manifests(.scores, step: shard.step)
      scores[shard.step] = all
      let own = all.filter { score in
        score.part == shard.part && score.action.stage == "import"
          && score.inputs.contains { $0.digest == shard.digest }
      }
      guard Double(own.count) >= shard.summary["score_sets"] ?? 0 else { return nil }
      report.add(shard, sets: own.compactMap(\.set))
    }
    report.skipped = Int(exactly: first.summary["skipped"] ?? 0) ?? 0
    return report
  }

  /// Reads, stages and publishes.
  func run(_ stored: StoredRollouts) throws -> ImportReport {
    do {
      try stage(stored)
      if let found = source.digest, found != fileDigest {
        throw RollbookError(.io, place: path, "the file changed while it was read", hint: "run the same command again")
      }
      guard !shards.isEmpty else {
        guard importer.settings.skipsBad else {
          throw RollbookError.badInput(path, "expected rows, found an empty file")
        }
        return report
      }
      try publish()
      return report
    } catch {
      for shard in shards { shard.discard() }
      throw (error as? StoredRollouts.Fault)?.error ?? error
    }
  }

  private func stage(_ stored: StoredRollouts) throws {
    var numbering = RowNumbering(digest: fileDigest) { try stored.firstGroup(step: $0) }
    try source.forEach { line, place, rows in
      let parsed = try goodOrSkipped {
        try rows().flatMap { row in
          switch row {
          case .stored(let row): [row]
          case .foreign(let row): try self.tokenized(row, &numbering, line: line, place: place)
          }
        }
      }
      guard let parsed else { return }
      // Another tokenizer is no fault of the line.
      if tokenizer == nil, let digest = parsed.first?.tokenizer { try importer.checkTokenizer(digest) }
      guard try goodOrSkipped({ try parsed.forEach { try self.check($0, stored, place: place) } }) != nil else {
        return
      }
      for row in parsed {
        if tokenizer == nil { tokenizer = (row.tokenizer, place) }
        try add(row)
      }
    }
    try endGroup()
    try shards.last?.finish()
  }

  /// What `body` makes of a line; nil for a bad one that may be passed over.
  private func goodOrSkipped<Result>(_ body: () throws -> Result) throws -> Result? {
    do { return try body() } catch let error as RollbookError
      where error.code == .badInput && importer.settings.skipsBad
    {
      report.skipped += 1
      if report.reasons.count < ImportReport.reasonLimit { report.reasons.append(error.description) }
      return nil
    }
  }

  /// Foreign rows get tokens, places and ids.
  private func tokenized(
    _ row: ForeignRow, _ numbering: inout RowNumbering, line: Int, place: String
  ) throws -> [StoredRow] {
    guard let tokens else { throw RollbookError.bug("\(place): texts without a tokenizer") }
    let step = importer.settings.step ?? row.step ?? 0
    let prompt = try tokens.prompt(row.prompt, place: place)
    let responses = try row.responses.map { try tokens.response($0, place: place) }
    var messages: String?
    if case .messages(let turns) = row.prompt { messages = try Message.json(turns) }
    let meta = try row.meta.map { try $0.serialized() }
    let places = try numbering.places(of: row, step: step, line: line, place: place)
    return places.indices.map { index in
      let (spot, given) = (places[index], row.responses[index])
      let rollout = Rollout(
        id: spot.id, step: step, group: spot.group, sample: spot.sample, kind: given.kind, promptID: spot.promptID,
        task: row.task, messages: messages, promptText: prompt.text, promptTokens: prompt.tokens,
        responseText: responses[index].text, responseTokens: responses[index].tokens, finishReason: given.finish,
        answer: row.answer, meta: meta, policy: "", seed: 0)
      return StoredRow(rollout: rollout, scores: given.score.map { [$0] } ?? [], tokenizer: tokens.tokenizer.digest)
    }
  }
}

extension FileImport {
  /// What no row may say, whatever its format.
  private func check(_ row: StoredRow, _ stored: StoredRollouts, place: String) throws {
    for score in row.scores {
      guard score.components.count <= Self.componentLimit else {
        throw RollbookError.badInput(
          place, "expected at most \(Self.componentLimit) components, found \(score.components.count)")
      }
      guard Set(score.components.map(\.name)).count == score.components.count else {
        throw RollbookError.badInput(place, "expected components of different names, found one twice")
      }
      for (name, value) in [("reward", score.reward)] + score.components.map({ ($0.name, $0.value) }) {
        guard value?.isFinite ?? true else {
          throw RollbookError.badInput(place, "expected '\(name)' to be finite, found \(value ?? .nan)")
        }
        guard !name.isEmpty, name.utf8.count <= 128,
          name.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7F })
        else {
          throw RollbookError.badInput(
            place, "expected components named by 1 to 128 bytes without control characters, found '\(name)'")
        }
      }
    }
    if tokens == nil {
      // An Arrow file may say what JSON Lines were refused for.
      guard StoredRow.kinds.contains(row.rollout.kind), row.rollout.step >= 0 else {
        throw RollbookError.badInput(
          place, "expected a known kind and a step of 0 or more, found '\(row.rollout.kind)' and \(row.rollout.step)")
      }
      guard seen.insert(row.rollout.id).inserted else {
        throw RollbookError.badInput(place, "expected ids to differ, found \(row.rollout.id) again")
      }
      if let first = tokenizer, first.digest != row.tokenizer {
        throw RollbookError.badInput(
          place, "expected the tokenizer of \(first.place), found \(row.tokenizer ?? "none")")
      }
    }
    if try stored.holds(row.rollout.id, step: row.rollout.step) {
      throw RollbookError.badInput(
        place, "expected rollouts that are not stored yet, found \(row.rollout.id), which step \(row.rollout.step) has",
        hint: "--skip-bad takes in the others")
    }
  }

  private func add(_ row: StoredRow) throws {
    if let last = group.last {
      let isSame = last.rollout.step == row.rollout.step && last.rollout.group == row.rollout.group
      if !isSame || group.count >= Self.rowsPerShard { try endGroup() }
    }
    group.append(row)
    report.rows += 1
    if row.scores.contains(where: { $0.reward != nil || !$0.components.isEmpty }) { report.scored += 1 }
  }

  /// The group goes into the open shard, or begins another one.
  private func endGroup() throws {
    guard let first = group.first else { return }
    let signature = tokens == nil ? ImportedShard.signature(first, importer.setName) : []
    if let open = shards.last, !open.takes(step: first.rollout.step, signature) { try open.finish() }
    if shards.last?.takes(step: first.rollout.step, signature) != true {
      shards.append(
        try ImportedShard(
          buffer: importer.buffer, stem: "\(stem)-\(shards.count)", step: first.rollout.step, signature: signature,
          set: importer.setName, action: action(shards.count)))
    }
    try shards.last?.append(group)
    group.removeAll(keepingCapacity: true)
  }

  private func publish() throws {
    let buffer = importer.buffer
    if let digest = tokenizer?.digest {
      try buffer.bindTokenizer(digest)
    } else if try buffer.tokenizer() != nil {
      Output.note(Terminal.sanitize("warning: \(path) does not say which tokenizer its tokens belong to"))
    }
    for shard in shards {
      let (rollouts, sets) = try shard.publish(
        tokenizer: tokenizer?.digest, model: tokens?.model, shards: shards.count, skipped: report.skipped)
      report.add(rollouts, sets: sets)
    }
  }
}

extension ImportReport {
  mutating func add(_ shard: Manifest, sets new: [String]) {
    if isOld {
      rows += shard.rows
      if !new.isEmpty { scored += Int(exactly: shard.summary["scored"] ?? 0) ?? 0 }
    }
    shards.append(shard.name)
    if !steps.contains(shard.step) { steps.append(shard.step) }
    for set in new.sorted() where !sets.contains(set) { sets.append(set) }
  }
}
