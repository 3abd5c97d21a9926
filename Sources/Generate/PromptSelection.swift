internal import Formats
internal import Kernels

/// Which prompts a step samples.
///
/// Without a number per step, all of the file in its order. With one, step N takes the N-th stretch of an endless
/// sequence: the file in a random order, then in another one, and so on. Any step can so be computed by itself.
struct PromptSelection {
  let prompts: [Prompt]
  let perStep: Int?
  let seed: Int

  func prompts(step: Int) -> [Prompt] {
    guard let perStep else { return prompts }
    var chosen: [Prompt] = []
    var epoch = -1, order: [Int] = []
    for i in 0..<perStep {
      let at = step * perStep + i
      if at / prompts.count != epoch {
        epoch = at / prompts.count
        order = shuffled(epoch)
      }
      chosen.append(prompts[order[at % prompts.count]])
    }
    return chosen
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
