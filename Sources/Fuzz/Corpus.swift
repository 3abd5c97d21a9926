import Formats

/// Small valid files to start from.
extension Reader {
  /// - Parameters:
  ///   - folder: Where to write them on the way.
  ///   - golden: The folder of the goldens, whose model files are taken where they are small.
  package func corpus(folder: String, golden: String) throws -> [[UInt8]] {
    switch self {
    case .shard: return try shards(folder) + [[]]
    case .manifest:
      return try [Self.manifest(.rollouts), Self.manifest(.checkpoint)].map { Array(try $0.serialized().utf8) }
    case .safetensors: return [try safetensors(folder)]
    case .gguf:
      // Models of some hundred kilobytes would mostly be changed where there are only weights.
      let header = try MappedFile.contents(of: "\(golden)/gguf/qwen3-q8_0.gguf").prefix(12_000)
      return [try MappedFile.contents(of: "\(golden)/gguf/blocks.gguf"), Array(header), Self.tinyGGUF]
    case .prompt: return [Array(Self.prompts.utf8)]
    case .template:
      return try ["basic", "filters", "macro", "namespace", "strings", "tools", "values", "whitespace"].map {
        try MappedFile.contents(of: "\(golden)/chat/templates/own-\($0).jinja")
      }
    }
  }

  private static func rollout(_ index: Int) -> Rollout {
    let tokens = (0..<(index * 3 % 7)).map { Int32(100 * index + $0) }
    return Rollout(
      id: .make(seed: 1, step: 0, promptID: "p\(index / 2)", sample: index % 2, policy: ""), step: 0, group: index / 2,
      sample: index % 2, promptID: "p\(index / 2)", task: index % 3 == 0 ? nil : "add", messages: nil,
      promptText: "1+é",
      promptTokens: [1, 2], responseText: "answer \(index)", responseTokens: tokens,
      logprobs: index % 3 == 2 ? nil : tokens.map { -Float($0) / 512 },
      responseMask: index % 4 == 1 ? tokens.map { $0 % 2 == 0 } : nil, finishReason: .stop, answer: "2", meta: "{}",
      policy: "xxh3-128:aa", policyStep: index % 2 == 0 ? 0 : nil, seed: 1)
  }

  private func shards(_ folder: String) throws -> [[UInt8]] {
    let path = folder + "/corpus.arrow"
    func file<Codec: ShardCodec>(_ codec: Codec, _ rows: [Codec.Row], _ compression: ArrowCompression) throws -> [UInt8]
    {
      let writer = try ArrowFileWriter(path: path, schema: codec.schema(metadata: ["a": "b"]), compression: compression, syncInterval: .infinity)
      for start in stride(from: 0, to: rows.count, by: 4) {
        try writer.append(codec.encode(RowParts(Array(rows[start..<min(rows.count, start + 4)]))))
      }
      try writer.finish()
      return try MappedFile.contents(of: path)
    }
    let rollouts = (0..<6).map(Self.rollout)
    let scores = rollouts.map {
      ScoreRow(
        rollout: $0.id, step: 0, promptID: $0.promptID, sample: $0.sample, reward: $0.sample == 0 ? nil : 1,
        components: [0.5, nil], extracted: "2")
    }
    let updates = rollouts.map { rollout in
      let values = rollout.responseTokens.map { -Float($0) / 64 }
      return UpdateRow(
        rollout: rollout.id, step: 0, promptID: rollout.promptID, sample: rollout.sample, reward: 1, advantages: values,
        weights: values, oldLogprobs: values, behaviourLogprobs: values, referenceLogprobs: nil, logprobs: values,
        ratios: values, clips: values.map { _ in 0 })
    }
    // Without compression, whose checksums find most of what is changed in the values.
    return try [ArrowCompression.lz4Frame, .none].flatMap { compression in
      try [
        file(RolloutCodec(), rollouts, compression), file(ScoreCodec(components: ["a", "b"]), scores, compression),
        file(UpdateCodec(), updates, compression),
      ]
    }
  }

  private static func manifest(_ kind: Manifest.Kind) -> Manifest {
    let action = Manifest.Action(
      key: "xxh3-128:cd", stage: "generate", parameters: ["temperature": "1", "é": "\"\n"], seed: 7,
      policy: "xxh3-128:ab",
      tokenizer: "xxh3-128:ef", code: .init(version: "0.1.0", commit: "abc"), kernels: "oneDNN", threads: 2,
      host: "node1",
      pid: 99, scheduler: ["SLURM_JOB_ID": "12"], started: "2026-11-21T10:00:00Z", finished: "2026-11-21T10:01:00Z")
    var manifest = Manifest(
      kind: kind, name: kind == .checkpoint ? "step-000002" : "step-000002-part-00000.arrow", schemaVersion: 1, step: 2,
      inputs: [.init(role: "prompts", name: "prompts.jsonl", digest: "xxh3-128:01")], action: action,
      summary: ["length_mean": 11.5, "loss": .nan])
    if kind == .checkpoint {
      manifest.files = [.init(name: "config.json", bytes: 9, digest: "xxh3-128:02")]
    } else {
      manifest.columns = ["id", "step"]
    }
    return manifest
  }

  private func safetensors(_ folder: String) throws -> [UInt8] {
    let path = folder + "/corpus.safetensors"
    let writer = try SafetensorsWriter(
      path: path,
      tensors: [
        .init(name: "a.weight", shape: [3, 4]), .init(name: "é", shape: [5], type: .bf16),
        .init(name: "none", shape: [0, 2]),
      ], metadata: ["step": "12"])
    try writer.append("a.weight", (0..<12).map { Float($0) })
    try writer.append("é", [1, 2, 3, 4, 5])
    _ = try writer.finish()
    return try MappedFile.contents(of: path)
  }

  /// Two values and a tensor of 16 numbers: small enough that most changes hit a length.
  private static let tinyGGUF: [UInt8] = {
    func little(_ value: some FixedWidthInteger) -> [UInt8] { withUnsafeBytes(of: value.littleEndian) { Array($0) } }
    func text(_ string: String) -> [UInt8] { little(UInt64(string.utf8.count)) + Array(string.utf8) }
    var file = Array("GGUF".utf8) + little(UInt32(3)) + little(UInt64(1)) + little(UInt64(2))
    file += text("general.architecture") + little(UInt32(8)) + text("llama")
    file +=
      text("n") + little(UInt32(9)) + little(UInt32(4)) + little(UInt64(2)) + little(UInt32(1)) + little(UInt32(2))
    file +=
      text("t") + little(UInt32(2)) + little(UInt64(8)) + little(UInt64(2)) + little(UInt32(0)) + little(UInt64(0))
    file += [UInt8](repeating: 0, count: (32 - file.count % 32) % 32)
    return file + (0..<16).flatMap { little(Float($0).bitPattern) }
  }()

  private static let prompts = #"""
    {"id": "a", "prompt": "1+1=", "answer": 2, "task": "add", "meta": {"level": [1, 2.5e-3, null, true]}}

    {"id": "b é", "messages": [{"role": "system", "content": ""}, {"role": "user", "content": "\u00e9\ud83d\ude42\n"}]}
    {"id": "c", "prompt": "", "answer": "-0.5", "other": [[], {}, "\\\""]}
    """#
}
