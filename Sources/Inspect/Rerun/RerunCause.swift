import Formats
import Foundation
import Pipeline

/// Something that is not as it was when an action ran: a reason for another result.
struct RerunCause: Equatable {
  /// `kernels`, `parameter lr`, `input prompts (train.jsonl)`.
  let what: String
  let stored: String
  let found: String

  var sentence: String { "\(what): stored \(stored), here \(found)" }
  var json: JSON { ["what": .string(what), "stored": .string(stored), "here": .string(found)] }

  /// What two manifests say of how their outputs were made, and not alike.
  static func differences(_ stored: Manifest, _ found: Manifest) -> [RerunCause] {
    var causes: [RerunCause] = []
    func compare(_ what: String, _ a: String?, _ b: String?) {
      guard a != b else { return }
      causes.append(RerunCause(what: what, stored: a ?? "none", found: b ?? "none"))
    }
    let (a, b) = (stored.action, found.action)
    compare("code", a.code.version, b.code.version)
    compare("commit", a.code.commit, b.code.commit)
    compare("liblz4", a.code.lz4, b.code.lz4)
    compare("kernels", a.kernels, b.kernels)
    compare("machine", a.host, b.host)
    compare("threads", String(a.threads), String(b.threads))
    for name in Set(a.parameters.keys).union(b.parameters.keys).sorted() {
      compare("parameter \(name)", a.parameters[name], b.parameters[name])
    }
    compare("seed", a.seed.map(String.init), b.seed.map(String.init))
    compare("tokenizer", a.tokenizer, b.tokenizer)
    var roles: [String] = []
    for input in stored.inputs + found.inputs where !roles.contains(input.role) { roles.append(input.role) }
    for role in roles {
      let (there, here) = (stored.inputs.filter { $0.role == role }, found.inputs.filter { $0.role == role })
      guard there.map(\.digest).sorted() != here.map(\.digest).sorted() else { continue }
      let missing = there.filter { item in !here.contains { $0.digest == item.digest } }
      let new = here.filter { item in !there.contains { $0.digest == item.digest } }
      let name = missing.first?.name ?? new.first?.name ?? ""
      func text(_ inputs: [Manifest.Input]) -> String {
        inputs.isEmpty ? "none" : inputs.map(\.digest).joined(separator: " ")
      }
      compare("input \(role) (\(name))", text(missing), text(new))
    }
    return causes
  }

  /// What is known to be other than it was before anything runs, for people to see why the result may not be the same.
  static func warnings(_ action: Manifest.Action, threads: Int) -> [String] {
    var found: [String] = []
    if action.code.version != Version.text || action.code.commit != Version.commit {
      func text(_ version: String, _ commit: String?) -> String { version + (commit.map { " (\($0))" } ?? "") }
      let (there, here) = (text(action.code.version, action.code.commit), text(Version.text, Version.commit))
      found.append("stored by version \(there), this is \(here)")
    }
    if let lz4 = action.code.lz4, lz4 != LZ4Library.version {
      found.append("stored with liblz4 \(lz4), this is \(LZ4Library.version)")
    }
    if action.host != Provenance.host {
      found.append("stored on \(action.host) (\(action.kernels)), this is \(Provenance.host)")
    }
    let cores = ProcessInfo.processInfo.activeProcessorCount
    if threads != action.threads {
      found.append("stored with \(action.threads) threads, this is with \(threads)")
    } else if threads > cores {
      found.append("\(threads) threads, as stored, on \(cores) cores")
    }
    return found
  }
}

/// Whether what an action read is still there and the same, looked up before it runs again.
struct RerunInputs {
  let buffer: Buffer
  let stored: StoredAction
  let directory: String
  /// Flags that `--with` gives anew.
  let changed: Set<String>

  /// What has changed or gone, and the exit code for it: 69 where something has gone.
  func changes() throws -> (causes: [RerunCause], code: RollbookError.Code) {
    var causes: [RerunCause] = []
    var code = RollbookError.Code.badInput
    var seen: Set<String> = []
    for input in stored.outputs.flatMap(\.inputs) where seen.insert("\(input.role)\u{0}\(input.name)").inserted {
      if Interrupt.requested { throw RerunCommandLine.interrupted }
      let flag = input.role == "policy" ? "model" : input.role.hasPrefix("baseline-") ? "baseline" : input.role
      let places = changed.contains(flag) ? [] : places(of: input)
      guard let place = places.first(where: isThere) ?? places.first else { continue }
      let found: String
      do {
        guard let digest = try digest(of: input, place) else { continue }
        found = digest
      } catch let error as RollbookError {
        if error.code == .missing { code = .missing }
        if error.code == .interrupted { throw error }
        found = error.code == .missing ? "nothing at \(place)" : "\(error.place): \(error.message)"
      }
      if found != input.digest {
        causes.append(RerunCause(what: "input \(input.role) (\(input.name))", stored: input.digest, found: found))
      }
    }
    return (causes, code)
  }

  /// Where an input may lie, the likeliest first; nowhere for what is no file of its own, such as the text of a chat
  /// template, and for what only the stage can find.
  private func places(of input: Manifest.Input) -> [String] {
    let name = input.name
    let named = name.hasPrefix("/") ? [name] : ["\(buffer.root)/\(name)", "\(directory)/\(name)"]
    switch input.role {
    case "rollouts", "scores", "updates":
      return [name.contains("/") ? "\(buffer.root)/\(name)" : "\(buffer.root)/shards/\(input.role)/\(name)"]
    case "baseline-rollouts", "baseline-scores":
      // Another buffer's: BUFFER/NAME.
      let parts = name.split(separator: "/", omittingEmptySubsequences: false)
      let shard = (parts.dropLast() + ["shards", input.role.dropFirst(9)] + parts.suffix(1)).joined(separator: "/")
      return [name.hasPrefix("/") ? shard : "\(directory)/\(shard)"]
    case "prompts", "policy", "reference", "base": return name.hasPrefix("checkpoints/") ? named : named.reversed()
    case "config": return stored.stage == "init" ? named.reversed() : []
    default: return name.contains("/") ? named.filter { FileManager.default.fileExists(atPath: $0) } : []
    }
  }

  private func isThere(_ place: String) -> Bool {
    FileManager.default.fileExists(atPath: place) || ModelFiles.averaged(place) != nil
  }

  /// nil where it cannot be told from outside of the stage.
  private func digest(of input: Manifest.Input, _ place: String) throws -> String? {
    switch input.role {
    case "policy", "reference", "base", "critic":
      let folder = ModelFiles.averaged(place) ?? place
      if let changed = try changedFile(of: folder, for: input.role) { return changed }
      return try ModelFiles.open(path: place).weightsDigest
    default:
      var isFolder: ObjCBool = false
      guard FileManager.default.fileExists(atPath: place, isDirectory: &isFolder) else {
        throw RollbookError.missing(place, "expected an input, found nothing")
      }
      return isFolder.boolValue ? nil : try Digest.file(place)
    }
  }

  /// The first file of a checkpoint that is not what its manifest says, whose word the stages take; nil for none.
  private func changedFile(of folder: String, for role: String) throws -> String? {
    guard FileManager.default.fileExists(atPath: "\(folder)/manifest.json") else { return nil }
    let goesOn = stored.stage == "train" && role == "policy"
    let forTraining: Set<String> = [
      CheckpointWriter.optimizerName, CheckpointWriter.trainerStateName, CheckpointWriter.averageName,
    ]
    for file in try Checkpoint.open(folder).manifest.files ?? [] where goesOn || !forTraining.contains(file.name) {
      if Interrupt.requested { throw RerunCommandLine.interrupted }
      let found = try Digest.file("\(folder)/\(file.name)")
      if found != file.digest { return "\(file.name) changed from \(file.digest) to \(found)" }
    }
    return nil
  }
}
