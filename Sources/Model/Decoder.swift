package import Kernels

/// A prompt and the random numbers of its samples.
package struct GenerationRequest: Sendable {
  package var prompt: [Int32]
  /// One per sample.
  package var randoms: [RolloutRandom]

  package init(prompt: [Int32], randoms: [RolloutRandom]) { (self.prompt, self.randoms) = (prompt, randoms) }
}

/// A finished sample.
package struct GeneratedSequence: Sendable {
  /// `notFinite`: the model's logits were no numbers.
  package enum Finish: Sendable { case endToken, stopped, length, notFinite }
  package var request: Int
  package var sample: Int
  /// The response, the end token included where one was drawn.
  package var tokens: [Int32] = []
  /// Behaviour log-probabilities, one per token (see Sampler).
  package var logprobs: [Float] = []
  package var finish = Finish.length
}

/// Samples many sequences at once: what prompts have in common at their start is computed once, a prompt once for all its samples,
/// and the place of a finished sequence goes to the next sample at once.
///
/// What a sequence becomes depends on its prompt, its random numbers and the weights alone, not on what shares the
/// batch with it.
package final class Decoder {
  private let transformer: Transformer
  private let settings: SamplingSettings
  private let endTokens: Set<Int32>
  private let sampler: Sampler
  private var slots: Int
  private let store: KeyStore
  private var panels = Arena(count: 0)
  /// Rows of a prompt computed at a time.
  private static let prefillRows = 1024

  /// A sequence being decoded: its slot is a segment of the store.
  private struct Active {
    var sequence: GeneratedSequence
    var segment: Int
    var prompt: Int
  }
  /// A prompt whose keys are in the store.
  private struct Prompt {
    var request: Int
    var unfinished: Int
  }

  private var active: [Active] = []
  private var prompts: [Prompt?] = []
  private var freeSlots: [Int] = []
  /// What prompts have in common at their start; the segment of the first of them, the others' follow.
  private var beginnings = Beginnings([])
  private var firstBeginning = 0
  private var finished: [GeneratedSequence] = []

  /// - Parameters:
  ///   - sequences: how many sequences are decoded at once at most.
  ///   - endTokens: tokens that end a response.
  package init(_ transformer: Transformer, settings: SamplingSettings, endTokens: Set<Int32>, sequences: Int) {
    self.transformer = transformer
    self.settings = settings
    self.endTokens = endTokens
    slots = max(1, sequences)
    sampler = Sampler(
      settings, vocabularyCount: transformer.configuration.vocabularyCount, threads: transformer.pool.count)
    store = KeyStore(transformer.configuration, keepsLayers: true)
  }

  /// Lowers the number of sequences decoded at once; results do not depend on it.
  package func limit(sequences: Int) { slots = max(1, min(slots, sequences)) }

  /// Samples every request; `stops` is asked after each token (a stop string may be complete), `finish` is called for
  /// each sequence as it ends, `progress` with the number of tokens of each round. Return false from `progress` to
  /// give up: sequences that have not ended are dropped.
  package func generate(
    _ requests: [GenerationRequest], stops: (GeneratedSequence) -> Bool, progress: (_ tokens: Int) -> Bool,
    finish: (GeneratedSequence) -> Void
  ) {
    reserve(requests)
    for (i, tokens) in beginnings.list.enumerated() { compute(beginning: tokens, firstBeginning + i) }
    var next = 0
    while next < requests.count || !active.isEmpty {
      next = startPrompts(requests, from: next, stops)
      for sequence in finished { finish(sequence) }
      var tokens = finished.count
      finished = []
      if !active.isEmpty {
        tokens += active.count
        decode(requests, stops)
        for sequence in finished { finish(sequence) }
        finished = []
      }
      if !progress(tokens) { break }
    }
    active = []
  }

  /// What the store has to hold: the tokens that prompts begin with, the longest rest of a prompt, places for such.
  private struct Plan {
    var beginnings: Beginnings
    var longest: Int
    var places: Int
  }

  private func plan(_ requests: [GenerationRequest], sequences: Int) -> Plan {
    let beginnings = Beginnings(requests.map(\.prompt))
    let longest = requests.indices.reduce(1) { max($0, requests[$1].prompt.count - beginnings.count(of: $1)) }
    let fewest = requests.reduce(sequences) { min($0, max(1, $1.randoms.count)) }
    // A long response keeps its prompt's place: with few more places than full groups need, slots would stand idle.
    return Plan(beginnings: beginnings, longest: longest, places: min(requests.count, 4 * sequences / fewest + 2))
  }

  /// Tokens whose keys and values have room when so many sequences are decoded at once.
  package func heldTokens(_ requests: [GenerationRequest], sequences: Int) -> Int {
    let plan = plan(requests, sequences: sequences)
    return plan.beginnings.list.reduce(0) { $0 + $1.count } + plan.places * plan.longest
      + sequences * settings.maxNewTokens
  }

  /// How many sequences can be decoded at once within so many tokens; nil if not even the largest group can.
  package func affordable(_ requests: [GenerationRequest], tokens: Int) -> Int? {
    let group = requests.reduce(1) { max($0, $1.randoms.count) }
    var low = group, high = max(group, slots)
    guard heldTokens(requests, sequences: low) <= tokens else { return nil }
    while low < high {
      let middle = (low + high + 1) / 2
      if heldTokens(requests, sequences: middle) <= tokens { low = middle } else { high = middle - 1 }
    }
    return low
  }

  /// Bytes of the keys and values of a token, over all layers.
  package var bytesPerToken: Int { store.bytes(capacity: 1024) / 1024 }

  /// One segment per slot, and places for prompts.
  private func reserve(_ requests: [GenerationRequest]) {
    let plan = plan(requests, sequences: slots), places = plan.places
    beginnings = plan.beginnings
    firstBeginning = places + slots
    let prompt = Segment(first: 0, capacity: plan.longest), own = Segment(first: 0, capacity: settings.maxNewTokens)
    store.reserve(
      [Segment](repeating: prompt, count: places) + [Segment](repeating: own, count: slots)
        + beginnings.list.map { Segment(first: 0, capacity: $0.count) })
    prompts = [Prompt?](repeating: nil, count: places)
    freeSlots = Array((places..<places + slots).reversed())
    active = []
    finished = []
  }

  /// Computes what prompts begin with, `prefillRows` rows at a time.
  private func compute(beginning tokens: [Int32], _ segment: Int) {
    for start in stride(from: 0, to: tokens.count, by: Self.prefillRows) {
      let piece = Array(tokens.dropFirst(start).prefix(Self.prefillRows))
      transformer.layersForward(
        tokens: piece, chunks: [Chunk(segment: segment, row: 0, count: piece.count, position: start)], store: store,
        saves: false)
    }
  }

  /// Starts requests in order while all their samples find a slot; returns the next request.
  private func startPrompts(
    _ requests: [GenerationRequest], from start: Int, _ stops: (GeneratedSequence) -> Bool
  ) -> Int {
    var next = start
    var batch: [(place: Int, request: Int)] = []
    var taken = 0
    while next < requests.count, let place = prompts.firstIndex(where: { $0 == nil }) {
      let wanted = requests[next].randoms.count
      precondition(wanted <= slots, "a request has more samples than the decoder has slots")
      if taken + wanted > freeSlots.count { break }
      prompts[place] = Prompt(request: next, unfinished: wanted)
      if wanted == 0 { prompts[place] = nil } else { batch.append((place, next)) }
      taken += wanted
      next += 1
    }
    if !batch.isEmpty { prefill(batch, requests, stops) }
    return next
  }

  /// Computes prompts, at most `prefillRows` rows at a time, and draws the first token of each of their samples.
  private func prefill(
    _ batch: [(place: Int, request: Int)], _ requests: [GenerationRequest], _ stops: (GeneratedSequence) -> Bool
  ) {
    var pending: [(place: Int, request: Int, row: Int)] = []
    var tokens: [Int32] = [], chunks: [Chunk] = []
    func run() {
      if tokens.isEmpty { return }
      transformer.layersForward(tokens: tokens, chunks: chunks, store: store, saves: false)
      var heads: [HeadRow] = [], draws: [Draw] = []
      for (place, request, row) in pending {
        for sample in requests[request].randoms.indices {
          let segment = freeSlots.removeLast()
          store.reuse(segment, first: requests[request].prompt.count, prefix: place)
          active.append(
            Active(sequence: GeneratedSequence(request: request, sample: sample), segment: segment, prompt: place))
          draws.append(Draw(row: heads.count, active: active.count - 1))
        }
        heads.append(HeadRow(row: Int32(row), target: -1))
      }
      sample(heads, draws, requests, stops)
      (tokens, chunks, pending) = ([], [], [])
    }
    for (place, request) in batch {
      let prompt = requests[request].prompt
      var position = beginnings.count(of: request)
      store.reuse(place, first: position, prefix: beginnings.of[request].map { firstBeginning + $0 })
      while position < prompt.count {
        let count = min(prompt.count - position, Self.prefillRows - tokens.count)
        chunks.append(Chunk(segment: place, row: tokens.count, count: count, position: position))
        tokens += prompt[position..<position + count]
        position += count
        if position == prompt.count { pending.append((place, request, tokens.count - 1)) }
        if tokens.count == Self.prefillRows { run() }
      }
    }
    run()
  }

  /// One more token for every active sequence.
  private func decode(_ requests: [GenerationRequest], _ stops: (GeneratedSequence) -> Bool) {
    var tokens: [Int32] = [], chunks: [Chunk] = []
    for (row, a) in active.enumerated() {
      let position = requests[a.sequence.request].prompt.count + a.sequence.tokens.count - 1
      chunks.append(Chunk(segment: a.segment, row: row, count: 1, position: position))
      tokens.append(a.sequence.tokens[a.sequence.tokens.count - 1])
    }
    transformer.layersForward(tokens: tokens, chunks: chunks, store: store, saves: false)
    let heads = active.indices.map { HeadRow(row: Int32($0), target: -1) }
    sample(heads, active.indices.map { Draw(row: $0, active: $0) }, requests, stops)
  }

  private struct Draw {
    /// Index into the head rows.
    var row: Int
    var active: Int
  }

  /// Draws one token for each of `draws`, appends it and retires the sequences that have ended.
  private func sample(
    _ heads: [HeadRow], _ draws: [Draw], _ requests: [GenerationRequest], _ stops: (GeneratedSequence) -> Bool
  ) {
    let rows = transformer.head.logits(transformer.workspace.final, heads, into: &panels)
    var drawn = [(token: Int32, logprob: Float)](repeating: (0, 0), count: draws.count)
    drawn.withUnsafeMutableBufferPointer { drawn in
      nonisolated(unsafe) let drawn = drawn
      transformer.pool.run(parts: draws.count) { part, thread in
        let sequence = active[draws[part].active].sequence
        let random = requests[sequence.request].randoms[sequence.sample]
        drawn[part] = sampler.draw(
          rows[draws[part].row], uniform: random.uniform(position: sequence.tokens.count), thread: thread)
      }
    }
    var ended = Set<Int>()
    for (draw, (token, logprob)) in zip(draws, drawn) {
      active[draw.active].sequence.tokens.append(token)
      active[draw.active].sequence.logprobs.append(logprob)
      if let finish = finish(of: active[draw.active].sequence, stops) {
        active[draw.active].sequence.finish = finish
        ended.insert(draw.active)
      }
    }
    if ended.isEmpty { return }
    for index in ended.sorted() { retire(active[index]) }
    active = active.enumerated().filter { !ended.contains($0.offset) }.map(\.element)
  }

  private func finish(of s: GeneratedSequence, _ stops: (GeneratedSequence) -> Bool) -> GeneratedSequence.Finish? {
    if s.logprobs[s.logprobs.count - 1].isNaN { return .notFinite }
    if endTokens.contains(s.tokens[s.tokens.count - 1]) { return .endToken }
    if stops(s) { return .stopped }
    return s.tokens.count >= settings.maxNewTokens ? .length : nil
  }

  private func retire(_ a: Active) {
    finished.append(a.sequence)
    freeSlots.append(a.segment)
    prompts[a.prompt]?.unfinished -= 1
    if prompts[a.prompt]?.unfinished == 0 { prompts[a.prompt] = nil }
  }
}
