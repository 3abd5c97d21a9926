package import Formats

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Where an output came from. `key` names what was asked for; the rest says who did it, where and when.
///
///     let provenance = Provenance(
///       "score", parameters: ["reward": "math=1"], inputs: inputs, kernels: "none", threads: stage.threadCount)
///     … manifest.action = provenance.action()
package struct Provenance: Sendable {
  package let stage: String
  /// Flag to value, as needed to run it again.
  package let parameters: [String: String]
  package let inputs: [Manifest.Input]
  package let seed: Int?
  package let policy: String?
  package let tokenizer: String?
  package let kernels: String
  package let threads: Int
  /// Seconds since 1970.
  package let started: Double
  /// The name of the action; see `key(stage:parameters:inputs:)`. The seed counts as a parameter, policy and tokenizer
  /// as inputs of those roles.
  package let key: String

  /// Begins an action, now.
  ///
  /// - Parameters:
  ///   - parameters: Everything that decides the output, and nothing else (no `--quiet`, no `--threads`).
  ///   - seed: Nil for a stage that draws nothing.
  ///   - policy: Digest of the weights.
  ///   - tokenizer: Digest of the tokenizer.
  ///   - kernels: What computed, in words, from the stage ("none" where nothing did).
  package init(
    _ stage: String, parameters: [String: String], inputs: [Manifest.Input], seed: Int? = nil, policy: String? = nil,
    tokenizer: String? = nil, kernels: String, threads: Int
  ) {
    self.stage = stage
    self.parameters = parameters
    self.inputs = inputs
    self.seed = seed
    self.policy = policy
    self.tokenizer = tokenizer
    self.kernels = kernels
    self.threads = threads
    started = Timestamp.now
    Self.warn(kernels: kernels)
    var all = parameters
    if let seed { all["seed"] = String(seed) }
    var digests = inputs.map { (role: $0.role, digest: $0.digest) }
    for (role, digest) in [("policy", policy), ("tokenizer", tokenizer)] {
      guard let digest, !digests.contains(where: { $0.role == role }) else { continue }
      digests.append((role: role, digest: digest))
    }
    key = Self.key(stage: stage, parameters: all, inputs: digests)
  }

  /// The record for the manifest, finished now.
  package func action() -> Manifest.Action {
    Manifest.Action(
      key: key, stage: stage, parameters: parameters, seed: seed, policy: policy, tokenizer: tokenizer,
      code: Manifest.Action.Code(version: Version.text, commit: Version.commit, lz4: LZ4Library.version),
      kernels: kernels, threads: threads, command: Self.command?.words, directory: Self.command?.directory,
      host: Self.host, pid: Self.pid, scheduler: Self.scheduler(),
      started: Timestamp.text(started), finished: Timestamp.text(Timestamp.now))
  }
}

extension Provenance {
  /// The name of an action: XXH3-128 over the stage, its canonical parameters and its inputs' digests.
  ///
  /// Times, hosts, thread counts and code versions are left out: the same work asked for again has the same key.
  /// Canonical text: every item as a netstring `LENGTH:BYTES,` (no value can imitate another), first "action 1" and the
  /// stage, then parameters by name (bytewise), then inputs by role and digest. Input names are left out too: content
  /// counts, not where it lies.
  package static func key(
    stage: String, parameters: [String: String], inputs: [(role: String, digest: String)]
  ) -> String {
    var text: [UInt8] = []
    func add(_ item: String) {
      text += Array("\(item.utf8.count):".utf8) + Array(item.utf8) + [0x2C]
    }
    func precedes(_ a: String, _ b: String) -> Bool { a.utf8.lexicographicallyPrecedes(b.utf8) }
    add("action 1")
    add(stage)
    add("parameters \(parameters.count)")
    for (name, value) in parameters.sorted(by: { precedes($0.key, $1.key) }) {
      add(name)
      add(value)
    }
    add("inputs \(inputs.count)")
    for input in inputs.sorted(by: { $0.role == $1.role ? precedes($0.digest, $1.digest) : precedes($0.role, $1.role) })
    {
      add(input.role)
      add(input.digest)
    }
    return Digest.xxh3(text)
  }

  /// The name of this machine.
  package static var host: String {
    var name = [CChar](repeating: 0, count: 256)
    guard gethostname(&name, name.count - 1) == 0 else { return "unknown" }
    return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// The number of this process.
  package static var pid: Int { Int(getpid()) }

  /// What the scheduler calls this job: the variables of Slurm, PBS, LSF and Grid Engine that are set.
  package static func scheduler(_ variable: (String) -> String? = Terminal.environment) -> [String: String] {
    var ids: [String: String] = [:]
    for name in schedulerVariables {
      if let value = variable(name), !value.isEmpty { ids[name] = value }
    }
    return ids
  }

  private static let schedulerVariables = [
    "SLURM_JOB_ID", "SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT", "SLURM_PROCID",
    "SLURM_NTASKS", "SLURM_RESTART_COUNT", "SLURM_CLUSTER_NAME", "SLURM_JOB_NAME", "SLURM_JOB_PARTITION",
    "SLURM_JOB_NODELIST", "PBS_JOBID", "PBS_ARRAY_INDEX", "LSB_JOBID", "LSB_JOBINDEX", "SGE_TASK_ID",
  ]
}

extension Provenance {
  /// In words, what sets this action apart from one on record: "temperature 1.0 there, 0.7 here".
  package func difference(from action: Manifest.Action) -> String {
    var found: [String] = []
    for name in Set(parameters.keys).union(action.parameters.keys).sorted() {
      let (there, here) = (action.parameters[name] ?? "none", parameters[name] ?? "none")
      if there != here { found.append("\(name) \(there) there, \(here) here") }
    }
    if action.seed != seed {
      found.append("seed \(action.seed.map(String.init) ?? "none") there, \(seed.map(String.init) ?? "none") here")
    }
    if action.policy != policy { found.append("another policy") }
    if action.tokenizer != tokenizer { found.append("another tokenizer") }
    return found.isEmpty ? "its inputs have changed" : found.joined(separator: "; ")
  }
}
