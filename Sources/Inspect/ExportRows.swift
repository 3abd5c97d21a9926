import Formats
import Pipeline

/// The selected rollouts with their scores, whole, from their shards.
final class ExportRows {
  /// Digest of the tokenizer that the buffer's ids belong to.
  let tokenizer: String?
  private let buffer: Buffer
  private let index: Index
  private let set: String?
  private let selection: Selection?
  private var rollouts: BatchCache<RolloutCodec>
  private var scores: BatchCache<ScoreCodec>
  /// Score shards by the step and part of the rollouts that they are of.
  private var scoreShards: [StepPart: [ShardRecord]] = [:]
  private var parts: [String: StepPart] = [:]

  private struct StepPart: Hashable {
    let step: Int
    let part: Int
  }

  /// - Parameter set: What the selection's rewards are of.
  init(_ buffer: Buffer, _ index: Index, set: String?, selection: Selection?) throws {
    self.buffer = buffer
    self.index = index
    self.set = set
    self.selection = selection
    tokenizer = try buffer.tokenizer()
    func intact(_ shard: String, _ kind: Manifest.Kind) throws -> String {
      let name = shard.split(separator: "/").last.map(String.init) ?? shard
      return try buffer.intactPath(of: Manifest.read(buffer.manifestPath(kind, name: name)))
    }
    rollouts = BatchCache { try RolloutShardReader(path: intact($0, .rollouts)) }
    scores = BatchCache { try ScoreShardReader(path: intact($0, .scores)) }
    for shard in try index.shards(kind: .rollouts) { parts[shard.path] = StepPart(step: shard.step, part: shard.part) }
    for shard in try index.shards(kind: .scores) where shard.set != nil {
      scoreShards[StepPart(step: shard.step, part: shard.part), default: []].append(shard)
    }
  }

  /// Calls `body` for each rollout, once, by step, group, prompt and sample.
  ///
  /// - Parameter allSets: The scores of every set, else of the chosen one.
  /// - Returns: Their number.
  func forEach(allSets: Bool, _ body: (StoredRow) throws -> Void) throws -> Int {
    var count = 0
    var last: RolloutID?
    try index.forEachRollout(where: selection, set: set, limit: nil) { record, _ in
      // The same rollout in two shards is the same rollout.
      if record.id == last { return }
      last = record.id
      let rollout = try rollouts.row(record.shard, record.batch, record.row)
      guard rollout.id == record.id else { throw mismatch(record.shard) }
      let shards = parts[record.shard].flatMap { scoreShards[$0] } ?? []
      let row = try rollouts.reader(record.shard).position(batch: record.batch, row: record.row)
      let scores = try shards.filter { allSets || $0.set == set }.map { try score($0, row, record.id) }
      try body(StoredRow(rollout: rollout, scores: scores, tokenizer: tokenizer))
      count += 1
    }
    return count
  }

  /// A score shard has a row for each of its rollout shard, in its order.
  private func score(_ shard: ShardRecord, _ position: Int, _ id: RolloutID) throws -> ExchangeScore {
    let reader = try scores.reader(shard.path)
    guard let (batch, place) = reader.place(position) else { throw mismatch(shard.path) }
    let row = try scores.row(shard.path, batch, place)
    guard row.rollout == id else { throw mismatch(shard.path) }
    let components = zip(reader.components, row.components).map { ExchangeScore.Component($0, $1) }
    return ExchangeScore(set: shard.set, reward: row.reward, components: components, extracted: row.extracted)
  }

  private func mismatch(_ shard: String) -> RollbookError {
    .badInput(
      "\(buffer.root)/\(shard)", "expected the rollouts in the order of the index and of their shard, found another",
      hint: "run 'rollbook reindex \(buffer.root)', then 'rollbook verify --deep'")
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

extension ShardReader {
  /// The number of a row in the whole shard.
  fileprivate func position(batch: Int, row: Int) -> Int { file.batchRowCounts[..<batch].reduce(row, +) }

  /// The batch and row of a position; nil outside of the shard.
  fileprivate func place(_ position: Int) -> (batch: Int, row: Int)? {
    var rest = position
    for (batch, count) in file.batchRowCounts.enumerated() {
      if rest < count { return (batch, rest) }
      rest -= count
    }
    return nil
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
