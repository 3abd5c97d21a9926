import Formats
import Foundation
import Rewards
import TestSupport

/// The golden files that rewards are held to.
enum Fixtures {
  /// Every line of a file in the golden folder's `verifiers`.
  static func lines(_ file: String) throws -> [JSON] {
    let path = Golden.folder + "/verifiers/" + file
    let data = try Data(contentsOf: URL(fileURLWithPath: path))
    return try data.split(separator: 0x0A).enumerated().map { number, line in
      try JSON.parse([UInt8](line), source: path, firstLine: number + 1)
    }
  }

  /// Every case of `objectives/rewards.json`.
  static func rewardCases() throws -> [JSON] {
    try JSON.parse(contentsOf: Golden.folder + "/objectives/rewards.json").array ?? []
  }
}

/// The verdict of a reward on one response.
func score(_ spec: String, _ response: String, answer: String? = nil) throws -> RewardOutput {
  let input = RewardInput(response: Array(response.utf8), answer: answer.map { Array($0.utf8) })
  return try RewardRegistry.reward(spec).score([input])[0]
}

/// SplitMix64: seeded draws for property tests.
struct Draws: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &self) }

  /// Pieces of text, drawn and joined.
  mutating func text(of pieces: [String], upTo count: Int) -> String {
    (0..<below(count + 1)).map { _ in pieces[below(pieces.count)] }.joined()
  }

  /// Any bytes.
  mutating func bytes(upTo count: Int) -> [UInt8] {
    (0..<below(count + 1)).map { _ in UInt8(truncatingIfNeeded: next()) }
  }
}
