internal import Formats
internal import Kernels

/// Which prompts a step samples.
///
/// Without a number per step, all of the file in its order. With one, the file is shuffled and cut into steps of that
/// many; the rest, too few for another step, sits out until the file is shuffled anew. So no step has a prompt twice,
/// and any step can be computed by itself.
struct PromptSelection {
  let prompts: [Prompt]
  let perStep: Int?
  let seed: Int

  /// - Throws: `usage` where the file has fewer prompts than a step takes.
  func prompts(step: Int) throws -> [Prompt] {
    guard let perStep else { return prompts }
    let stepsPerEpoch = prompts.count / perStep
    guard stepsPerEpoch > 0 else {
      throw RollbookError.usage(
        "--prompts-per-step \(perStep): the file has \(prompts.count) prompts",
        hint: "a step takes each prompt once: give more prompts, or raise --group-size instead")
    }
    let order = shuffled(step / stepsPerEpoch)
    let start = step % stepsPerEpoch * perStep
    return order[start..<start + perStep].map { prompts[$0] }
  }

  /// Fisher and Yates' shuffle, a function of seed and epoch.
  private func shuffled(_ epoch: Int) -> [Int] {
    let random = RolloutRandom(
      seed: UInt64(bitPattern: Int64(seed)), step: UInt64(epoch), prompt: 0x6F72_6465_72, sample: 0)
    var order = Array(prompts.indices)
    for i in stride(from: order.count - 1, to: 0, by: -1) {
      order.swapAt(i, min(i, Int(random.uniform(position: i) * Double(i + 1))))
    }
    return order
  }
}
