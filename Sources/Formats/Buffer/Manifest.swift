/// What is published, how it came about, and the digest that makes it so: the commit record beside every shard and
/// inside every checkpoint (docs/format.md).
///
/// Times, host and process belong here and never into a shard, whose bytes are a function of its rows alone.
package struct Manifest: Equatable, Sendable {
  /// The version that this code writes; newer ones are refused.
  package static let currentVersion = 1

  package enum Kind: String, Sendable, CaseIterable {
    case rollouts, scores, updates, checkpoint
  }

  /// A file of a checkpoint.
  package struct File: Equatable, Sendable {
    /// Relative to the checkpoint's folder.
    package var name: String
    package var bytes: Int
    package var digest: String

    package init(name: String, bytes: Int, digest: String) {
      self.name = name
      self.bytes = bytes
      self.digest = digest
    }
  }

  /// Something the action read.
  package struct Input: Equatable, Sendable {
    /// What it was to the action: "rollouts", "scores", "policy", "prompts".
    package var role: String
    /// Its path, relative to the buffer when inside it.
    package var name: String
    package var digest: String

    package init(role: String, name: String, digest: String) {
      self.role = role
      self.name = name
      self.digest = digest
    }
  }

  /// The run of a stage that made it.
  package struct Action: Equatable, Sendable {
    package struct Code: Equatable, Sendable {
      package var version: String
      package var commit: String?
      /// Version of liblz4, on which the bytes of a shard depend; nil in manifests that do not say.
      package var lz4: String?

      package init(version: String, commit: String? = nil, lz4: String? = nil) {
        self.version = version
        self.commit = commit
        self.lz4 = lz4
      }
    }

    /// Digest of everything that decides the output: equal keys mean the same work.
    package var key: String
    package var stage: String
    /// Flag to value, as needed to run it again.
    package var parameters: [String: String]
    package var seed: Int?
    /// Digest of the weights.
    package var policy: String?
    /// Digest of the tokenizer.
    package var tokenizer: String?
    package var code: Code
    /// The kernels that ran, in words: "oneDNN 2.6 avx512_core_bf16".
    package var kernels: String
    package var threads: Int
    /// The program and its flags as they were typed, but those that say where the result goes; nil in manifests that do
    /// not say.
    package var command: [String]?
    /// The folder that relative paths in `command` are relative to.
    package var directory: String?
    package var host: String
    package var pid: Int
    /// Ids of the cluster's scheduler: "SLURM_JOB_ID" to "123".
    package var scheduler: [String: String]
    /// ISO 8601, UTC.
    package var started: String
    package var finished: String

    package init(
      key: String, stage: String, parameters: [String: String] = [:], seed: Int? = nil, policy: String? = nil,
      tokenizer: String? = nil, code: Code, kernels: String = "", threads: Int = 1, command: [String]? = nil,
      directory: String? = nil, host: String = "", pid: Int = 0, scheduler: [String: String] = [:],
      started: String = "", finished: String = ""
    ) {
      self.key = key
      self.stage = stage
      self.parameters = parameters
      self.seed = seed
      self.policy = policy
      self.tokenizer = tokenizer
      self.code = code
      self.kernels = kernels
      self.threads = threads
      self.command = command
      self.directory = directory
      self.host = host
      self.pid = pid
      self.scheduler = scheduler
      self.started = started
      self.finished = finished
    }
  }

  package var version: Int
  package var kind: Kind
  /// File name of the shard, or name of the checkpoint's folder.
  package var name: String
  /// Of the whole shard file; of a checkpoint, of the list of its files' digests. The publisher fills it in, with
  /// `bytes`, `rows`, `batches`, `columns` and `files`.
  package var digest: String
  package var bytes: Int
  package var rows: Int
  package var batches: Int
  package var schemaVersion: Int
  /// Training step: that of the rollouts; a checkpoint's own.
  package var step: Int
  /// Part of the step, from 0.
  package var part: Int
  /// Score set; nil for everything that is no score shard.
  package var set: String?
  /// Column names of a shard.
  package var columns: [String]?
  /// Files of a checkpoint, by name.
  package var files: [File]?
  /// False when the stage was interrupted and there is more to come under another part.
  package var complete: Bool
  package var inputs: [Input]
  package var action: Action
  /// Numbers worth a line in a listing: "reward_mean". Non-finite values are stored as null and read as NaN.
  package var summary: [String: Double]

  package init(
    kind: Kind, name: String, schemaVersion: Int, step: Int, part: Int = 0, set: String? = nil, complete: Bool = true,
    inputs: [Input] = [], action: Action, summary: [String: Double] = [:]
  ) {
    version = Self.currentVersion
    self.kind = kind
    self.name = name
    digest = ""
    bytes = 0
    rows = 0
    batches = 0
    self.schemaVersion = schemaVersion
    self.step = step
    self.part = part
    self.set = set
    self.complete = complete
    self.inputs = inputs
    self.action = action
    self.summary = summary
  }
}
