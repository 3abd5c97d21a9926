internal import Formats
internal import Foundation
internal import Kernels
internal import Model
internal import Pipeline
internal import Tokenizer

/// One prompt of a step, ready to be sampled.
struct PromptGroup {
  /// Its number in the step.
  let index: Int
  let prompt: Prompt
  let text: String
  let tokens: [Int32]
}

/// Turns prompts into groups of rollouts with the decoder: text in, rows out.
final class GroupSampler {
  private let tokenizer: Tokenizer
  private let files: ModelFiles
  private let decoder: Decoder
  private let options: SamplingOptions
  private let step: Int
  private let seed: Int
  private let policyStep: Int?
  private let stops: [[UInt8]]
  private let endTokens: Set<Int32>

  init(
    _ files: ModelFiles, tokenizer: Tokenizer, transformer: Transformer, options: SamplingOptions, step: Int, seed: Int,
    policyStep: Int?
  ) {
    (self.files, self.tokenizer, self.options) = (files, tokenizer, options)
    (self.step, self.seed, self.policyStep) = (step, seed, policyStep)
    stops = options.stop.map { Array($0.utf8) }
    endTokens = tokenizer.eosIDs
    decoder = Decoder(
      transformer, settings: options.settings, endTokens: endTokens,
      sequences: max(options.sequences, options.groupSize))
  }

  /// Samples the groups; `finish` gets each group's rollouts in the order of `groups`.
  /// - Returns: false when an interrupt came: groups that were not handed over are not there.
  func sample(
    _ groups: [PromptGroup], progress: (_ tokens: Int) -> Void, finish: (PromptGroup, [Rollout]) throws -> Void
  ) throws -> Bool {
    let requests = groups.map { group in
      GenerationRequest(
        prompt: group.tokens,
        randoms: (0..<options.groupSize).map {
          RolloutRandom(
            seed: UInt64(bitPattern: Int64(seed)), step: UInt64(step), prompt: Self.key(group.prompt.id),
            sample: UInt64($0))
        })
    }
    decoder.limit(sequences: try sequences(requests))
    var waiting: [Int: [GeneratedSequence]] = [:]
    var next = 0
    var failure: (any Error)?
    decoder.generate(
      requests, stops: { self.stops(at: $0) },
      progress: { tokens in
        progress(tokens)
        return failure == nil && !Interrupt.requested
      },
      finish: { sequence in
        if sequence.finish == .notFinite, failure == nil {
          failure = RollbookError.badInput(
            "prompt '\(groups[sequence.request].prompt.id)'", "the policy's logits are not finite numbers",
            hint: "the weights of \(files.path) are damaged, or their training diverged")
        }
        waiting[sequence.request, default: []].append(sequence)
        while failure == nil, let done = waiting[next], done.count == options.groupSize {
          waiting[next] = nil
          let sorted = done.sorted { $0.sample < $1.sample }
          do {
            try finish(groups[next], sorted.map { try rollout(groups[next], $0) })
          } catch { failure = error }
          next += 1
        }
      })
    if let failure { throw failure }
    return next == groups.count
  }

  /// How many sequences to decode at once: as many as were asked for, within --max-batch-tokens, or within half of the
  /// machine's memory.
  private func sequences(_ requests: [GenerationRequest]) throws -> Int {
    guard let most = options.maxBatchTokens else {
      let tokens = Int(ProcessInfo.processInfo.physicalMemory / 2) / max(1, decoder.bytesPerToken)
      return decoder.affordable(requests, tokens: tokens) ?? options.groupSize
    }
    guard let count = decoder.affordable(requests, tokens: most) else {
      let needed = decoder.heldTokens(requests, sequences: options.groupSize)
      throw RollbookError.usage(
        "--max-batch-tokens \(most): a group of \(options.groupSize) samples of --max-new-tokens \(options.maxNewTokens) and "
          + "the prompts beside it need room for \(needed) tokens (\(Format.bytes(needed * decoder.bytesPerToken)))",
        hint: "give --max-batch-tokens \(needed) or more, or lower --group-size or --max-new-tokens")
    }
    return count
  }

  /// A 64-bit name of a prompt for the random numbers: the first half of the digest of its id.
  private static func key(_ id: String) -> UInt64 {
    Array(id.utf8).withUnsafeBytes { Digest.bytes($0) }.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
  }

  /// Whether one of the stop texts has just been completed. Only as many last tokens are looked at as it can span.
  private func stops(at sequence: GeneratedSequence) -> Bool {
    guard let longest = stops.map(\.count).max(), let last = sequence.tokens.last else { return false }
    let fresh = tokenizer.bytes(of: last)
    if fresh.isEmpty { return false }
    var tail = fresh
    for token in sequence.tokens.dropLast().reversed() {
      if tail.count >= longest + fresh.count { break }
      tail = tokenizer.bytes(of: token) + tail
    }
    return stops.contains { stop in
      tail.count >= stop.count
        && (max(0, tail.count - fresh.count - stop.count + 1)...(tail.count - stop.count)).contains {
          tail[$0..<$0 + stop.count].elementsEqual(stop)
        }
    }
  }

  private func rollout(_ group: PromptGroup, _ s: GeneratedSequence) throws -> Rollout {
    let prompt = group.prompt
    let shown = s.finish == .endToken ? s.tokens.dropLast() : s.tokens[...]
    return Rollout(
      id: RolloutID.make(
        seed: seed, step: step, promptID: prompt.id, sample: s.sample, policy: files.weightsDigest),
      step: step, group: group.index, sample: s.sample, kind: "sample", promptID: prompt.id, task: prompt.task,
      messages: try prompt.messages.map { try Message.json($0) }, promptText: group.text, promptTokens: group.tokens,
      responseText: tokenizer.decode(shown, skipSpecialTokens: false), responseTokens: s.tokens, logprobs: s.logprobs,
      responseMask: nil, finishReason: s.finish == .endToken ? .stop : s.finish == .stopped ? .stopString : .length,
      answer: prompt.answer, meta: try prompt.meta.map { try $0.serialized() }, policy: files.weightsDigest,
      policyStep: policyStep, seed: seed)
  }
}
