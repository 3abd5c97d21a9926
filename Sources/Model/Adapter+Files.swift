package import Formats
package import Kernels

extension Adapter {
  /// Reads a folder as PEFT saves it.
  /// - Throws: `missing` or `badInput` naming the file, the key or the tensor that is wrong.
  package convenience init(folder: String, for c: ModelConfiguration, pool: ThreadPool) throws {
    let place = "\(folder)/\(AdapterConfiguration.configName)"
    let configuration = try AdapterConfiguration(JSON.parse(contentsOf: place), place: place)
    let source = try Safetensors(path: "\(folder)/\(AdapterConfiguration.weightsName)")
    try self.init(configuration, source, for: c, pool: pool)
  }

  /// The same of a model's files.
  /// - Parameter settings: of the same shape, to be trained with; the files' own if nil.
  package convenience init(
    _ files: AdapterFiles, settings: AdapterConfiguration? = nil, for c: ModelConfiguration, pool: ThreadPool
  ) throws {
    try self.init(settings ?? files.configuration, files.weights, for: c, pool: pool)
  }

  private convenience init(
    _ configuration: AdapterConfiguration, _ source: Safetensors, for c: ModelConfiguration, pool: ThreadPool
  ) throws {
    let layout = AdapterLayout(c, rank: configuration.rank, modules: configuration.modules)
    for entry in layout.entries {
      guard let info = source.info(entry.name) else {
        throw RollbookError.missing(
          source.path, "tensor '\(entry.name)' is not there, expected shape \(entry.shape)",
          hint: "check that the adapter belongs to this model and that adapter_config.json belongs to it")
      }
      guard info.shape == entry.shape else {
        throw RollbookError.badInput(
          source.path,
          "tensor '\(entry.name)' has shape \(info.shape), the model and adapter_config.json ask for "
            + "\(entry.shape)", hint: "the adapter may be of another model")
      }
    }
    // What is not read must not be dropped silently: an adapted head, a layer that the model does not have.
    let known = Set(layout.entries.map(\.name))
    if let stranger = source.tensors.first(where: { !known.contains($0.name) }) {
      throw RollbookError.badInput(
        source.path, "tensor '\(stranger.name)' belongs to no module that adapter_config.json names",
        hint: "the adapter may be of another model")
    }
    self.init(c, configuration)
    try concurrently(pool, layout.entries.count) { index, _ in
      let entry = layout.entries[index]
      try source.read(
        entry.name, into: UnsafeMutableBufferPointer(start: arena.base + entry.offset, count: entry.count))
    }
  }

  /// Writes a folder that PEFT loads, whole or not at all.
  /// - Throws: `usage` if something is there, `io`.
  package func write(folder: String) throws {
    let writer = try FolderWriter(folder)
    try writer.writeFile(AdapterConfiguration.configName, configuration.json.bytes(pretty: true) + [UInt8(ascii: "\n")])
    let tensors = layout.entries.map { SafetensorsWriter.Tensor(name: $0.name, shape: $0.shape) }
    try writer.writeTensors(AdapterConfiguration.weightsName, tensors) { file in
      for entry in layout.entries {
        try file.append(entry.name, UnsafeBufferPointer(start: arena.base + entry.offset, count: entry.count))
      }
    }
    try writer.publish()
  }
}
