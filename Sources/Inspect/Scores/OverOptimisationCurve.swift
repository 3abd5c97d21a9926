package import Formats
import Pipeline

/// What `rollbook plot --over-optimisation` needs to draw two score sets over √KL, and whether a run has it.
package struct OverOptimisationCurve {
  /// √KL to the reference by step, as far as it is recorded.
  package let distances: [Int: Double]
  package let command: String
  /// What is not recorded; empty when the command draws a curve.
  package let missing: [String]

  /// - Throws: `RollbookError` for metrics that cannot be read.
  package init(_ buffer: Buffer, proxy: String, gold: String) throws {
    let rewards = [proxy, gold].map { "score:\($0)/reward_mean" }
    command =
      "rollbook plot \(Self.quoted(buffer.root)) --over-optimisation --proxy \(rewards[0]) --gold \(rewards[1])"
    let lines = try Metrics(buffer).lines()
    let run = RunMetrics(name: buffer.root, lines: lines)
    let data = lines.isEmpty ? nil : try? PlotData([run])
    func steps(_ name: String) -> [Int: Double]? {
      guard let key = data?.find(name) else { return nil }
      let points = run.series(key).points.filter { !$0.y.isNaN && abs($0.x) < 1e9 }
      return points.isEmpty ? nil : Dictionary(points.map { (Int($0.x), $0.y) }) { $1 }
    }
    let divergence = PlotData.divergences.lazy.compactMap { steps($0) }.first
    distances = (divergence ?? [:]).mapValues { max(0, $0).squareRoot() }
    let series = rewards.map { steps($0) }
    var missing = zip(rewards, series).filter { $0.1 == nil }.map { "\($0.0), which 'rollbook score' records" }
    if divergence == nil { missing.append("a KL divergence, which 'rollbook train --reference' records") }
    if missing.isEmpty, let proxy = series[0], let gold = series[1],
      !distances.keys.contains(where: { proxy[$0] != nil && gold[$0] != nil })
    {
      missing.append("a step that has both rewards and the KL divergence")
    }
    self.missing = missing
  }

  func text() -> String {
    let line = missing.isEmpty ? ": " + command : " needs: " + missing.joined(separator: "; ")
    return Terminal.sanitizeLine("the curve over √KL" + line) + "\n"
  }

  /// A path as a shell takes it.
  private static func quoted(_ path: String) -> String {
    let plain = path.utf8.allSatisfy { byte in
      (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
        || "/._-+:@%".utf8.contains(byte)
    }
    return plain && !path.isEmpty && !path.hasPrefix("-") ? path : "'" + path.replacing("'", with: #"'\''"#) + "'"
  }
}
