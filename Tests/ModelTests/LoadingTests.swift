import Formats
import Foundation
import Kernels
import Model
import Testing

/// A model folder of its own, gone when the test ends.
final class ModelFolder {
  let path = NSTemporaryDirectory() + "rollbook-model-" + UUID().uuidString

  /// - Parameter change: may rename, reshape or drop tensors before they are written.
  init(
    _ parameters: Parameters, config: JSON, change: (inout [(name: String, shape: [Int])]) -> Void = { _ in }
  ) throws {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    try config.serialized().write(toFile: "\(path)/config.json", atomically: false, encoding: .utf8)
    var tensors = parameters.layout.entries.map { (name: $0.name, shape: $0.shape) }
    change(&tensors)
    let writer = try SafetensorsWriter(
      path: "\(path)/model.safetensors", tensors: tensors.map { .init(name: $0.name, shape: $0.shape) })
    for tensor in tensors {
      let count = tensor.shape.reduce(1, *), values = parameters.values(tensor.name)
      try writer.append(tensor.name, (0..<count).map { $0 < values.count ? values[$0] : 0.5 })
    }
    _ = try writer.finish()
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}

@Suite struct LoadingTests {
  private func config(_ type: String) -> JSON { ConfigurationTests.changed("model_type", .string(type)) }

  private func parameters(_ type: String = "llama") throws -> Parameters {
    smallParameters(try ModelConfiguration(config(type), place: "good"))
  }

  /// The error of opening a folder, by both ways of reading weights.
  private func errors(_ folder: ModelFolder) throws -> [RollbookError] {
    [false, true].compactMap { packed in
      do {
        _ = try Harness(ModelFiles.open(path: folder.path), packed: packed)
        Issue.record("opened, packed: \(packed)")
      } catch let error as RollbookError {
        return error
      } catch {
        Issue.record("expected a RollbookError, found \(error)")
      }
      return nil
    }
  }

  @Test(arguments: ["llama", "qwen2", "qwen3"])
  func everyWeightArrives(type: String) throws {
    let parameters = try parameters(type)
    let folder = try ModelFolder(parameters, config: config(type)) { $0.append(("unused", [3])) }
    for threads in 1...3 {
      let pool = ThreadPool(threads: threads), files = try ModelFiles.open(path: folder.path)
      let read = try Parameters(parameters.configuration, from: files, pool: pool)
      #expect(read.bits == parameters.bits)
    }
    let files = try ModelFiles.open(path: folder.path)
    var batch = Batch()
    _ = batch.append(sequence: [1, 2, 3, 99, 0, 50])
    let plain = try Harness(files).evaluate(batch), packed = try Harness(files, packed: true).evaluate(batch)
    expectSame(plain.logprobs, packed.logprobs, "packed")
    expectSame(plain.entropies, packed.entropies, "packed")
  }

  @Test(arguments: ["llama", "qwen2", "qwen3"])
  func everyMissingTensorIsNamed(type: String) throws {
    let parameters = try parameters(type)
    for entry in parameters.layout.entries {
      let folder = try ModelFolder(parameters, config: config(type)) { tensors in
        tensors.removeAll { $0.name == entry.name }
      }
      for error in try errors(folder) {
        #expect(error.code == .missing && error.message.contains("'\(entry.name)'"), "\(error)")
        #expect(error.place.contains(folder.path))
      }
    }
  }

  @Test(arguments: ["llama", "qwen2", "qwen3"])
  func everyMisshapenTensorIsNamed(type: String) throws {
    let parameters = try parameters(type)
    for (index, entry) in parameters.layout.entries.enumerated() {
      var shape = entry.shape
      switch index % 3 {
      case 0: shape[0] += 1
      case 1: shape.append(1)
      default: shape = [entry.count + 2]
      }
      let folder = try ModelFolder(parameters, config: config(type)) { tensors in
        for i in tensors.indices where tensors[i].name == entry.name { tensors[i].shape = shape }
      }
      for error in try errors(folder) {
        #expect(error.code == .badInput && error.message.contains("'\(entry.name)'"), "\(error)")
        #expect(error.message.contains("\(shape)") && error.message.contains("\(entry.shape)"), "\(error)")
      }
    }
  }

  /// A config.json that asks for more memory than there is must be told apart from its weights, not trap.
  @Test(arguments: [
    ["vocab_size": 1 << 24, "hidden_size": 1 << 20], ["intermediate_size": 1 << 22, "hidden_size": 1 << 20],
    ["num_hidden_layers": 4096, "head_dim": 4096, "num_attention_heads": 4096],
  ])
  func sizesThatNoMachineHas(sizes: [String: Int]) throws {
    var config = ConfigurationTests.good.object ?? JSONObject()
    for (key, value) in sizes { config[key] = .int(value) }
    for error in try errors(ModelFolder(try parameters(), config: .object(config))) {
      #expect([.badInput, .missing].contains(error.code) && error.message.contains("tensor '"), "\(error)")
    }
  }

  @Test func unsupportedFoldersSayWhy() throws {
    let config = ConfigurationTests.changed("model_type", "mamba")
    for error in try errors(ModelFolder(try parameters(), config: config)) {
      #expect(error.message.contains("'mamba'"), "\(error)")
    }
  }
}
