internal import ArgumentParser
internal import Formats
internal import Foundation
internal import Kernels
internal import Model
internal import Pipeline
internal import Tokenizer

/// Samples responses from a policy into rollout shards.
///
/// A step's groups are cut into shards of `--groups-per-shard`; a shard's bytes depend on the flags, the prompts and
/// the weights alone. A killed run leaves a staging file whose complete batches the next run keeps.
@main struct Generate: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rollbook-generate", abstract: "Sample responses to prompts into rollout shards.",
    discussion: """
      EXAMPLES
        The first step, 8 responses to each of 8 prompts:
          rollbook generate --buffer runs/add --step 0 --model smollm2.gguf --prompts train.jsonl \\
            --prompts-per-step 8 --group-size 8 --max-new-tokens 48 --seed 1
        The next one, from the checkpoint that training published:
          rollbook generate --buffer runs/add --step 1 --model latest --prompts train.jsonl …
        A greedy evaluation of all prompts of a file:
          rollbook generate --buffer runs/eval --step 0 --model runs/add/checkpoints/step-000020 \\
            --prompts eval.jsonl --group-size 1 --temperature 0

      A prompt is a line {"id", "messages" or "prompt", "tools", "answer", "task", "meta"}. Killed or interrupted (exit 75), run
      the same command again: finished batches are kept and the result is the same.
      """)

  @OptionGroup var stage: StageOptions
  @OptionGroup var sampling: SamplingOptions
  @OptionGroup var template: TemplateOptions
  @OptionGroup var engine: EngineOptions

  @Option(help: "The policy: a Hugging Face folder, a .gguf file, 'latest' or 'step:N'.")
  var model: String
  @Option(help: ArgumentHelp("Prompts, one JSON object a line.", valueName: "file.jsonl"))
  var prompts: String
  @Option(help: "Prompts a step takes, in a seeded random order (default: all, in the file's order).")
  var promptsPerStep: Int?
  @Option(help: "Prompts whose groups make one shard.")
  var groupsPerShard = 64
  @Option(help: ArgumentHelp("Which worker this is, from 0; it makes every --num-shards-th shard.", valueName: "i"))
  var shardIndex = 0
  @Option(help: ArgumentHelp("How many workers share the step, such as the tasks of a job array.", valueName: "n"))
  var numShards = 1

  mutating func validate() throws {
    if let promptsPerStep, promptsPerStep < 1 { throw ValidationError("--prompts-per-step: expected 1 or more") }
    if groupsPerShard < 1 { throw ValidationError("--groups-per-shard: expected 1 or more") }
    if numShards < 1 || !(0..<numShards).contains(shardIndex) {
      throw ValidationError("--shard-index \(shardIndex) of --num-shards \(numShards): expected 0 to one less than it")
    }
  }

  static func main() { Stage.main(Self.self) }

  func run() throws {
    let all = try Prompt.read(jsonl: prompts)
    let buffer = try Buffer.open(path: stage.buffer, create: true)
    let reference = try ModelReference.find(model, in: buffer, upTo: stage.step)
    let files = try ModelFiles.open(path: reference.path)
    try files.checkSpeaks("sampling")
    let tokenizer = try Tokenizer.load(files)
    try buffer.bindTokenizer(tokenizer.digest)
    let configuration = try ModelConfiguration(files.config, place: reference.path)
    let chosen = try PromptSelection(prompts: all, perStep: promptsPerStep, seed: stage.seed).prompts(step: stage.step)
    let date = template.date(try buffer.manifests(.rollouts, step: stage.step))
    let (groups, usesDate) = try prepare(chosen, tokenizer, configuration, date: date)
    let parts = (groups.count + groupsPerShard - 1) / groupsPerShard
    let shards = stride(from: 0, to: groups.count, by: groupsPerShard).enumerated()
      .filter { $0.offset % numShards == shardIndex }
      .map { ShardJob(part: $0.offset, groups: Array(groups[$0.element..<min(groups.count, $0.element + groupsPerShard)])) }

    let matmul = Matmul(pool: ThreadPool(threads: stage.threadCount), precision: try .choose(engine.precision))
    let inputs = try inputs(files, tokenizer, reference), kernels = matmul.description
    let provenance = shards.map {
      self.provenance(
        $0, of: parts, inputs, files, tokenizer, reference, matmul.precision, kernels: kernels,
        date: usesDate ? date : nil)
    }
    let open = try zip(shards, provenance).filter { try !isDone($0.0, $0.1, buffer) }
    if open.isEmpty { return try finish(buffer, shards, made: 0, note: "already done: ") }

    if !matmul.isBatchInvariant {
      stage.note(
        "products on this processor depend on the batch (it is older than AVX-512, or oneDNN is missing): a shard made "
          + "again has the same rollouts, one that is cut differently may not, and training's log-probabilities differ a little")
    }
    let sampler = GroupSampler(
      files, tokenizer: tokenizer, transformer: try .packed(configuration, from: files, matmul: matmul),
      options: sampling, step: stage.step, seed: stage.seed, policyStep: reference.step)
    var meter = Meter(stage, total: open.reduce(0) { $0 + $1.0.groups.count } * sampling.groupSize)
    for (job, provenance) in open { try make(job, provenance, buffer, sampler, &meter) }
    meter.finish()
    try finish(buffer, shards, made: open.count, note: "")
  }

  /// Renders and encodes the prompts; a prompt that cannot be sampled is an error that names its line.
  private func prepare(
    _ chosen: [Prompt], _ tokenizer: Tokenizer, _ configuration: ModelConfiguration, date: String
  ) throws -> (groups: [PromptGroup], usesDate: Bool) {
    guard tokenizer.vocabularyCount <= configuration.vocabularyCount else {
      throw RollbookError.badInput(
        model, "the tokenizer has \(tokenizer.vocabularyCount) tokens, the model \(configuration.vocabularyCount)")
    }
    let room = configuration.maximumPositions - sampling.maxNewTokens
    guard room >= 1 else {
      throw RollbookError.usage(
        "--max-new-tokens \(sampling.maxNewTokens) leaves no room for a prompt: the model has "
          + "\(configuration.maximumPositions) positions")
    }
    var usesDate = false
    let groups = try chosen.enumerated().map { index, prompt in
      let place = "\(prompts):\(prompt.line)"
      let text = try prompt.text ?? render(prompt, tokenizer, place, date, &usesDate)
      let tokens = tokenizer.encode(text, addSpecialTokens: prompt.text != nil)
      guard !tokens.isEmpty, tokens.count <= room else {
        throw RollbookError.badInput(
          place, "the prompt has \(tokens.count) tokens, expected 1 to \(room) "
            + "(max_position_embeddings \(configuration.maximumPositions) less --max-new-tokens)")
      }
      return PromptGroup(index: index, prompt: prompt, text: text, tokens: tokens)
    }
    return (groups, usesDate)
  }

  private func render(
    _ prompt: Prompt, _ tokenizer: Tokenizer, _ place: String, _ date: String, _ usesDate: inout Bool
  ) throws -> String {
    do {
      let rendered = try tokenizer.render(template.input(prompt, date: date))
      if rendered.usesClock { usesDate = true }
      return rendered.text
    } catch let error as RollbookError where !error.place.isEmpty {
      throw RollbookError(
        error.code, place: place, "the messages cannot be rendered: \(error.message), at \(error.place)", hint: error.hint)
    }
  }

  /// A done shard is skipped; one that other flags or another policy made is an error, never overwritten.
  private func isDone(_ job: ShardJob, _ provenance: Provenance, _ buffer: Buffer) throws -> Bool {
    let path = buffer.manifestPath(.rollouts, name: Buffer.shardName(step: stage.step, part: job.part))
    guard FileManager.default.fileExists(atPath: path) else { return false }
    let manifest = try Manifest.read(path)
    if manifest.action.key == provenance.key { return true }
    throw RollbookError.usage(
      "step \(stage.step) is there already, made differently: \(provenance.difference(from: manifest.action))",
      hint: "give the same flags, another --step or another --buffer; see \(path)")
  }

  /// Everything besides the flags that decides the rollouts. Weights alone do not name a policy: its config, its end
  /// tokens and its chat template can change beside them.
  private func inputs(
    _ files: ModelFiles, _ tokenizer: Tokenizer, _ reference: ModelReference
  ) throws -> [Manifest.Input] {
    let ends = tokenizer.eosIDs.sorted().map(String.init).joined(separator: " ")
    return [
      Manifest.Input(role: "prompts", name: prompts, digest: try Digest.file(prompts)),
      Manifest.Input(role: "policy", name: reference.path, digest: files.weightsDigest),
      Manifest.Input(role: "config", name: "config.json", digest: Digest.xxh3(try files.config.serialized(sortedKeys: true))),
      Manifest.Input(role: "end tokens", name: ends, digest: Digest.xxh3(ends)),
      Manifest.Input(
        role: "chat template", name: "chat template", digest: Digest.xxh3(tokenizer.chatTemplate?.text ?? "")),
    ]
  }

  private func provenance(
    _ job: ShardJob, of parts: Int, _ inputs: [Manifest.Input], _ files: ModelFiles, _ tokenizer: Tokenizer,
    _ reference: ModelReference, _ precision: Precision, kernels: String, date: String?
  ) -> Provenance {
    var parameters = sampling.parameters.merging(template.parameters) { $1 }
    parameters["date"] = date
    parameters["precision"] = precision.rawValue
    parameters["step"] = "\(stage.step)"
    parameters["part"] = "\(job.part)"
    parameters["parts"] = "\(parts)"
    parameters["policy-step"] = reference.step.map { "\($0)" } ?? "none"
    parameters["groups-per-shard"] = "\(groupsPerShard)"
    parameters["prompts-per-step"] = promptsPerStep.map { "\($0)" } ?? "all"
    return Provenance(
      "generate", parameters: parameters, inputs: inputs, seed: stage.seed, policy: files.weightsDigest,
      tokenizer: tokenizer.digest, kernels: kernels, threads: stage.threadCount)
  }

  /// Samples what the shard still lacks and publishes it.
  private func make(
    _ job: ShardJob, _ provenance: Provenance, _ buffer: Buffer, _ sampler: GroupSampler, _ meter: inout Meter
  ) throws {
    let staging = buffer.stagingPath(.rollouts, step: stage.step, part: job.part)
    let lock = try StagingLock(path: staging + ".lock")
    defer { lock.release() }
    meter.begin()
    let writer = try RolloutShardWriter(staging: staging, metadata: ["rollbook.action": provenance.key]) {
      meter.recovered($0)
    }
    let kept = writer.recoveredRowCount / sampling.groupSize
    if kept > 0 { stage.note("\(kept * sampling.groupSize) rollouts of an earlier run are kept") }
    let complete = try sampler.sample(Array(job.groups.dropFirst(kept)), progress: { meter.count(tokens: $0) }) { _, rollouts in
      try writer.append(rollouts)
      meter.finished(rollouts)
    }
    guard complete else {
      throw Interrupt.error("\(writer.storedRowCount) of \(job.groups.count * sampling.groupSize) rollouts are kept")
    }
    try writer.finish()
    let manifest = Manifest(
      kind: .rollouts, name: Buffer.shardName(step: stage.step, part: job.part), schemaVersion: 1, step: stage.step,
      part: job.part, inputs: provenance.inputs, action: provenance.action(), summary: meter.summary)
    _ = try Publisher(buffer: buffer).publishShard(staged: staging, manifest: manifest, digest: writer.digest)
    lock.release()
  }

  private func finish(_ buffer: Buffer, _ shards: [ShardJob], made: Int, note: String) throws {
    let manifests = try buffer.manifests(.rollouts, step: stage.step)
    func total(_ name: String) -> Double { manifests.reduce(0) { $0 + ($1.summary[name] ?? 0) } }
    let mine = manifests.filter { manifest in shards.contains { $0.part == manifest.part } }
    let rows = mine.reduce(0) { $0 + $1.rows }
    let tokens = mine.reduce(0) { $0 + ($1.summary["response_tokens"] ?? 0) }
    let seconds = mine.reduce(0) { $0 + ($1.summary["seconds"] ?? 0) }
    if made > 0 {
      try Metrics(buffer).record(
        step: stage.step, stage: "generate",
        [
          ("rollouts", Double(manifests.reduce(0) { $0 + $1.rows })), ("response_tokens", total("response_tokens")),
          ("seconds", total("seconds")),
          ("tokens_per_second", total("response_tokens") / max(total("seconds"), 1e-9)),
        ])
    }
    try stage.finish(
      [
        "stage": "generate", "step": .int(stage.step), "rollouts": .int(rows), "shards": .int(mine.count),
        "made": .int(made), "response_tokens": JSON.finite(tokens), "seconds": JSON.finite(seconds),
        "tokens_per_second": JSON.finite(tokens / max(seconds, 1e-9)),
      ],
      "\(note)step \(stage.step): \(rows) rollouts in \(mine.count) shard\(mine.count == 1 ? "" : "s"), "
        + "\(Format.brief(tokens / max(seconds, 1e-9))) tokens/s")
  }
}

/// A stretch of the step's groups that becomes one shard.
struct ShardJob {
  let part: Int
  let groups: [PromptGroup]
}
