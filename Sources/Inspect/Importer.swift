import Formats
import Foundation
import Pipeline
import Tokenizer

/// What the person asked for.
struct ImportSettings {
  var format: ExchangeFormat?
  var step: Int?
  var set: String?
  var model: String?
  var skipsBad: Bool
  /// The date that a chat template which asks for it is told.
  var date: LocalTime?

  init(step: Int?, set: String?, model: String?, skipsBad: Bool) {
    self.step = step
    self.set = set
    self.model = model
    self.skipsBad = skipsBad
  }
}

/// Takes files into one buffer.
final class Importer {
  let buffer: Buffer
  let settings: ImportSettings
  private var tokens: ImportTokens?
  private let stored: StoredRollouts

  init(_ buffer: Buffer, _ settings: ImportSettings) {
    self.buffer = buffer
    self.settings = settings
    stored = StoredRollouts(buffer)
  }

  /// Imports one file, whole or not at all.
  ///
  /// - Throws: `RollbookError`: `badInput` for the first bad line unless they are skipped; `missing` without a
  ///   tokenizer where one is needed.
  func take(_ path: String) throws -> ImportReport {
    let digest = try Digest.file(path)
    let source: ImportSource
    switch try ImportSource.open(path, settings.format, patient: settings.skipsBad) {
    case .source(let found): source = found
    case .unknown(let lines, let errors):
      guard settings.skipsBad else {
        throw errors.first ?? RollbookError.badInput(path, "expected rows, found an empty file")
      }
      var report = ImportReport(path: path, format: "unknown")
      (report.skipped, report.reasons) = (lines, errors.map(\.description))
      return report
    }
    try check(source, path)
    let tokens = source.holdsTokens ? nil : try tokenizer()
    let action = provenance(path, digest, source, tokens)
    let file = FileImport(path, digest, source, tokens, self, action)
    // One at a time: two must not choose the same part, or number their groups alike.
    let lock = try StagingLock(path: buffer.stagingPath("import.lock"), wait: true)
    defer { lock.release() }
    try stored.refresh { action($0).key }
    return try file.already(stored) ?? file.run(stored)
  }

  private func check(_ source: ImportSource, _ path: String) throws {
    guard source.holdsTokens else { return }
    if settings.step != nil {
      throw RollbookError.usage(
        "--step: rows of \(path) have steps of their own, which their ids depend on",
        hint: "leave --step out, or give --as another format")
    }
    if settings.set != nil, case .lines = source.kind {
      throw RollbookError.usage("--scores: rows of \(path) name their score sets themselves", hint: "leave it out")
    }
  }

  private func tokenizer() throws -> ImportTokens {
    if let tokens { return tokens }
    let found = try ImportTokens.find(settings.model, buffer, step: settings.step)
    try checkTokenizer(found.tokenizer.digest)
    found.date = settings.date
    tokens = found
    return found
  }

  /// Stops early where the buffer's tokens are another tokenizer's; binding waits until there is something to publish.
  func checkTokenizer(_ digest: String) throws {
    if try buffer.tokenizer() != nil { try buffer.bindTokenizer(digest) }
  }

  /// The action of a file's shard: by content and flags, wherever the shard will lie.
  private func provenance(
    _ path: String, _ digest: String, _ source: ImportSource, _ tokens: ImportTokens?
  ) -> (Int) -> Provenance {
    var parameters = ["as": source.name]
    if !source.holdsTokens { parameters["step"] = settings.step.map(String.init) ?? "of the rows" }
    parameters["scores"] = setName
    parameters["date"] = settings.date?.date
    let inputs = [Manifest.Input(role: "file", name: path, digest: digest)] + (tokens?.inputs ?? [])
    return { [parameters] shard in
      Provenance(
        "import", parameters: parameters.merging(["shard": "\(shard)"]) { $1 }, inputs: inputs,
        tokenizer: tokens?.tokenizer.digest, kernels: "none", threads: 1)
    }
  }

  /// The set for rewards that come without one.
  var setName: String { settings.set ?? "imported" }
}
