import Formats
import Foundation
import Testing

@Suite struct ManifestTests {
  private func filled() -> Manifest {
    var manifest = sampleManifest(.scores, step: 3, part: 1, set: "main")
    manifest.digest = "xxh3-128:00"
    manifest.bytes = 10
    manifest.rows = 4
    manifest.batches = 1
    manifest.columns = ["rollout", "reward"]
    manifest.files = [.init(name: "a", bytes: 1, digest: "xxh3-128:11")]
    manifest.complete = false
    manifest.action.command = ["rollbook-score", "--step", "3", "--reward=math=1"]
    manifest.action.directory = "/home/someone"
    return manifest
  }

  @Test func everyFieldComesBack() throws {
    let manifest = filled()
    let text = try manifest.serialized()
    #expect(try Manifest(json: JSON.parse(text), source: "m") == manifest)
    var bare = manifest
    bare.set = nil
    bare.columns = nil
    bare.files = nil
    bare.action.seed = nil
    bare.action.policy = nil
    bare.action.tokenizer = nil
    bare.action.code.commit = nil
    bare.action.command = nil
    bare.action.directory = nil
    bare.inputs = []
    bare.summary = [:]
    #expect(try Manifest(json: JSON.parse(bare.serialized()), source: "m") == bare)
  }

  @Test func theTextIsTheSameForEqualManifestsAndOneFieldALine() throws {
    let text = try filled().serialized()
    #expect(try filled().serialized() == text)
    let name = "main-step-000003-part-00001.arrow"
    #expect(text.hasPrefix("{\n  \"version\": 1,\n  \"kind\": \"scores\",\n  \"name\": \"\(name)\",\n"))
    #expect(text.hasSuffix("}\n"))
  }

  @Test func numbersThatJSONCannotSayBecomeNull() throws {
    var manifest = filled()
    manifest.summary = ["loss": .nan, "norm": .infinity, "rate": 0.1]
    let text = try manifest.serialized()
    #expect(text.contains("\"loss\": null"))
    let back = try Manifest(json: JSON.parse(text), source: "m")
    #expect(back.summary["loss"]?.isNaN == true)
    #expect(back.summary["rate"] == 0.1)
  }

  @Test func aNewerVersionIsRefusedWithAdvice() throws {
    var object = try #require(filled().json.object)
    object["version"] = .int(Manifest.currentVersion + 1)
    let error = rollbookError { _ = try Manifest(json: .object(object), source: "m.json") }
    #expect(error?.code == .badInput)
    #expect(error?.place == "m.json")
    #expect(error?.hint?.contains("update") == true)
  }

  @Test func everyMissingOrMistypedFieldIsNamed() throws {
    let object = try #require(filled().json.object)
    let optional: Set = ["set", "columns", "files", "inputs"]
    for key in object.keys {
      for value in [nil, JSON.array([.null])] {
        if value == nil && optional.contains(key) { continue }
        var changed = object
        changed[key] = value
        let error = rollbookError({ _ = try Manifest(json: .object(changed), source: "m.json") }, "\(key)")
        #expect(error?.code == .badInput, "\(key)")
        #expect(error?.place == "m.json", "\(key)")
      }
    }
    let action = try #require(object["action"]?.object)
    for key in ["key", "stage", "parameters", "code", "threads"] {
      var changedAction = action
      changedAction[key] = nil
      var changed = object
      changed["action"] = .object(changedAction)
      let error = rollbookError { _ = try Manifest(json: .object(changed), source: "m.json") }
      #expect(error?.message.contains("\"action.\(key)\"") == true)
    }
  }

  @Test(arguments: ["", "..", "a/b", "/etc/passwd"])
  func namesThatLeaveTheirFolderAreRefused(_ name: String) throws {
    var manifest = filled()
    manifest.name = name
    #expect(rollbookError { _ = try Manifest(json: manifest.json, source: "m") }?.message.contains("file name") == true)
  }
}
