// What a line of somebody's file says, before tokens, groups and ids are made of it.

/// A prompt as a file gives it.
package enum ExchangePrompt: Equatable, Sendable {
  /// To be continued as it is.
  case text(String)
  /// To be rendered with the model's chat template.
  case messages([Message])

  /// Names the prompt wherever it appears: 16 hex digits of the XXH3-128 of its text, or of its messages in JSON.
  package var name: String {
    get throws {
      let digest =
        switch self {
        case .text(let text): Digest.xxh3("text\n" + text)
        case .messages(let messages): Digest.xxh3("messages\n" + (try Message.json(messages)))
        }
      return "p-" + digest.dropFirst(Digest.prefix.utf8.count).prefix(16)
    }
  }
}

/// What one score set says of a rollout.
package struct ExchangeScore: Equatable, Sendable {
  /// Nil: the set that the person named.
  package var set: String?
  package var reward: Double?
  package var components: [Component]
  package var extracted: String?

  package struct Component: Equatable, Sendable {
    package var name: String
    package var value: Double?

    package init(_ name: String, _ value: Double?) {
      self.name = name
      self.value = value
    }
  }

  package init(set: String? = nil, reward: Double?, components: [Component] = [], extracted: String? = nil) {
    self.set = set
    self.reward = reward
    self.components = components
    self.extracted = extracted
  }
}

/// A response as a file gives it.
package struct ExchangeResponse: Equatable, Sendable {
  /// As in a rollout: "sample", "demonstration", "chosen", "rejected", "text".
  package var kind: String
  package var text: String
  package var finish: FinishReason
  package var score: ExchangeScore?

  package init(kind: String, text: String, finish: FinishReason = .stop, score: ExchangeScore? = nil) {
    self.kind = kind
    self.text = text
    self.finish = finish
    self.score = score
  }
}

/// A prompt with its response, or with the two responses of a pair.
package struct ForeignRow: Equatable, Sendable {
  package var prompt: ExchangePrompt
  /// The file's own name for the prompt; nil: it is named by its digest.
  package var promptID: String?
  package var responses: [ExchangeResponse]
  package var answer: String?
  package var task: String?
  /// Fields that have no other place.
  package var meta: JSON?
  package var step: Int?
  /// Whether rows of the same prompt after this one may join its group.
  package var joins: Bool

  package init(
    prompt: ExchangePrompt, promptID: String? = nil, responses: [ExchangeResponse], answer: String? = nil,
    task: String? = nil, meta: JSON? = nil, step: Int? = nil, joins: Bool = true
  ) {
    self.prompt = prompt
    self.promptID = promptID
    self.responses = responses
    self.answer = answer
    self.task = task
    self.meta = meta
    self.step = step
    self.joins = joins
  }
}

/// A rollout as it was stored, with its scores and the digest of the tokenizer that its ids belong to.
package struct StoredRow: Equatable, Sendable {
  package var rollout: Rollout
  package var scores: [ExchangeScore]
  package var tokenizer: String?

  package init(rollout: Rollout, scores: [ExchangeScore] = [], tokenizer: String? = nil) {
    self.rollout = rollout
    self.scores = scores
    self.tokenizer = tokenizer
  }
}

/// What a line gives.
package enum ExchangeRow: Equatable, Sendable {
  /// One of ours: complete.
  case stored(StoredRow)
  /// Somebody else's: texts.
  case foreign(ForeignRow)
}
