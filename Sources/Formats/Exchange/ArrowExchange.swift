/// Rollouts and one score set in one Arrow file: the columns of a rollout shard, which such a file also is, and behind
/// them `reward`, `component.NAME` and `extracted`.
package struct ArrowExchange: Sendable {
  /// The score set of the file; nil: rollouts alone.
  package let set: String?
  package let components: [String]
  /// Digest of the tokenizer whose ids the file holds.
  package let tokenizer: String?

  private static let setKey = "rollbook.scores"
  private static let tokenizerKey = "rollbook.tokenizer"
  private let rollouts = RolloutCodec()

  package init(set: String?, components: [String], tokenizer: String?) {
    self.set = set
    self.components = components
    self.tokenizer = tokenizer
  }

  /// What a file's columns and metadata say; a rollout shard has no score columns.
  package init(_ schema: ArrowSchema) {
    let hasReward = schema.index(of: "reward") != nil
    set = hasReward ? schema[Self.setKey] : nil
    components = hasReward ? ScoreCodec(schema).components : []
    tokenizer = schema[Self.tokenizerKey]
  }

  package var schema: ArrowSchema {
    var metadata: [String: String] = [:]
    metadata[Self.setKey] = set
    metadata[Self.tokenizerKey] = tokenizer
    var schema = rollouts.schema(metadata: metadata)
    if set != nil { schema.fields += Self.scoreFields(components) }
    return schema
  }

  private static func scoreFields(_ components: [String]) -> [ArrowField] {
    let names = ["reward"] + components.map { ScoreCodec.prefix + $0 }
    return names.map { ArrowField($0, .float64, nullable: true) } + [ArrowField("extracted", .utf8, nullable: true)]
  }

  /// The columns of some rows; scores of other sets are left out.
  package func columns(_ rows: [StoredRow]) throws -> [ArrowColumn] {
    var columns = try rollouts.encode(RowParts(rows.map(\.rollout)))
    guard let set else { return columns }
    let scores = RowParts(rows.map { row in row.scores.first { $0.set == set } })
    columns.append(.float64(scores, nullable: { $0.pointee?.reward }))
    for name in components {
      columns.append(
        .float64(scores, nullable: { $0.pointee?.components.first { sameUTF8($0.name, name) }?.value }))
    }
    columns.append(try .utf8(scores, nullable: { $0.pointee?.extracted }))
    return columns
  }

  /// The rows of one batch of `file`, whose scores have no set unless the file names one.
  package func rows(_ file: ArrowFileReader, batch index: Int) throws -> [StoredRow] {
    let batch = try file.batch(index)
    let place = "\(file.path), batch \(index)"
    let rows = try rollouts.decode(batch, place: place)
    guard batch["reward"] != nil else { return rows.map { StoredRow(rollout: $0, tokenizer: tokenizer) } }
    let columns = BatchColumns(batch: batch, place: place)
    let rewards = try columns.optionalDoubles("reward")
    let values = try components.map { try columns.optionalDoubles(ScoreCodec.prefix + $0) }
    let extracted = try columns.optionalStrings("extracted")
    return rows.indices.map { row in
      let parts = components.indices.map { ExchangeScore.Component(components[$0], values[$0][row]) }
      let score = ExchangeScore(set: set, reward: rewards[row], components: parts, extracted: extracted[row])
      return StoredRow(rollout: rows[row], scores: [score], tokenizer: tokenizer)
    }
  }
}
