import Formats
import Pipeline

/// The selected rollouts with their scores, whole, from their shards.
final class ExportRows {
  let index: Index
  let tokenizer: String?
  private let set: String?
  private let condition: String?
  private var rollouts: BatchCache<RolloutCodec>
  private var scores: BatchCache<ScoreCodec>

  init(_ index: Index, set: String?, condition: String?) throws {
    self.index = index
    self.set = set
    self.condition = condition
    tokenizer = try index.buffer.tokenizer()
    let buffer = index.buffer
    func intact(_ shard: String, _ kind: Manifest.Kind) throws -> String {
      let name = shard.split(separator: "/").last.map(String.init) ?? shard
      return try buffer.intactPath(of: Manifest.read(buffer.manifestPath(kind, name: name)))
    }
    rollouts = BatchCache { try RolloutShardReader(path: intact($0, .rollouts)) }
    scores = BatchCache { try ScoreShardReader(path: intact($0, .scores)) }
  }

  /// Calls `body` for each rollout, once, by step, group, prompt and sample.
  ///
  /// - Parameter allSets: The scores of every set, else of the chosen one.
  /// - Returns: Their number.
  func forEach(allSets: Bool, _ body: (StoredRow) throws -> Void) throws -> Int {
    var count = 0
    var last: RolloutID?
    try selected { record in
      // The same rollout in two shards is the same rollout.
      if record.id == last { return }
      last = record.id
      let rollout = try rollouts.row(record.shard, record.batch, record.row)
      guard rollout.id == record.id else { throw self.stale(record.shard) }
      let all = try index.scores(of: record.id).filter { allSets || $0.set == set }
      try body(StoredRow(rollout: rollout, scores: try all.map { try score($0) }, tokenizer: tokenizer))
      count += 1
    }
    return count
  }

  private func selected(_ body: (RolloutRecord) throws -> Void) throws {
    if condition != nil { throw RollbookError.usage("--where: not there yet") }
    for step in try index.steps() {
      for record in try index.rollouts(step: step.step) { try body(record) }
    }
  }

  private func score(_ record: ScoreRecord) throws -> ExchangeScore {
    let row = try scores.row(record.shard, record.batch, record.row)
    guard row.rollout == record.rollout else { throw stale(record.shard) }
    let components = zip(try scores.reader(record.shard).components, row.components)
    return ExchangeScore(
      set: record.set, reward: row.reward, components: components.map { .init($0, $1) }, extracted: row.extracted)
  }

  private func stale(_ shard: String) -> RollbookError {
    .badInput(
      shard, "expected the rollout that the index names, found another",
      hint: "run 'rollbook reindex \(index.buffer.root)'")
  }

  /// Components of a set over all its shards, in the order in which they first appear.
  func components(of set: String) throws -> [String] {
    var all: [String] = []
    for shard in try index.shards(kind: .scores, set: set) {
      for name in try scores.reader(shard.path).components where !all.contains(name) { all.append(name) }
    }
    return all
  }
}

/// The last batches and readers that were used: rows come group by group, so each batch is decoded once unless more
/// shards than that take turns.
struct BatchCache<Codec: ShardCodec> {
  private static var batchLimit: Int { 16 }
  private static var readerLimit: Int { 64 }
  private let open: (String) throws -> ShardReader<Codec>
  private var readers: [(shard: String, reader: ShardReader<Codec>)] = []
  private var batches: [(shard: String, batch: Int, rows: [Codec.Row])] = []

  init(_ open: @escaping (String) throws -> ShardReader<Codec>) { self.open = open }

  mutating func reader(_ shard: String) throws -> ShardReader<Codec> {
    if let place = readers.lastIndex(where: { $0.shard == shard }) { return readers[place].reader }
    if readers.count >= Self.readerLimit { readers.removeFirst() }
    let reader = try open(shard)
    readers.append((shard, reader))
    return reader
  }

  mutating func row(_ shard: String, _ batch: Int, _ row: Int) throws -> Codec.Row {
    let place: Int
    if let known = batches.lastIndex(where: { $0.batch == batch && $0.shard == shard }) {
      place = known
    } else {
      if batches.count >= Self.batchLimit { batches.removeFirst() }
      batches.append((shard, batch, try reader(shard).rows(batch: batch)))
      place = batches.count - 1
    }
    guard batches[place].rows.indices.contains(row) else {
      throw RollbookError.badInput(shard, "expected row \(row) in a batch of \(batches[place].rows.count)")
    }
    return batches[place].rows[row]
  }
}
