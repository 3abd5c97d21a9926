internal import Formats
internal import Pipeline

/// One line a measurement: our speed, the LZ4 library's on the same buffers in the same run, and their ratio.
struct StorageTable {
  private var table = Table([
    ("what", .left), ("raw MB", .right), ("stored MB", .right), ("raw MB/s", .right), ("stored MB/s", .right),
    ("lz4 MB/s", .right), ("ratio", .right), ("ratio of CPU", .right),
  ])

  /// - Parameter reference: The library's work that corresponds.
  mutating func append(
    _ name: String, _ clock: Clock, _ baseline: LZ4Baseline, _ reference: KeyPath<LZ4Baseline, Clock>
  ) {
    let raw = Double(baseline.rawBytes) / 1e6
    let stored = Double(baseline.frameBytes) / 1e6
    let theirs = baseline[keyPath: reference]
    table.append([
      name, Format.decimal(raw, 1), Format.decimal(stored, 1), Format.decimal(raw / clock.wall, 0),
      Format.decimal(stored / clock.wall, 0), Format.decimal(raw / theirs.wall, 0),
      Format.decimal(theirs.wall / clock.wall, 2), Format.decimal(theirs.processor / clock.processor, 2),
    ])
  }

  var rendered: String { table.rendered() }
}
