internal import Kernels

/// The activations of one pass, regions of one arena. T rows, H hidden, Q = (heads + 2·kv)·dim, D = heads·dim,
/// I intermediate.
///
/// Generation keeps one layer's; training keeps what backward cannot recompute cheaply: per token and layer
/// 2H + Q + D + 2I + heads floats (23 KB for SmolLM2-135M), or H alone (2.3 KB) where backward recomputes layer by layer.
final class Workspace {
  let rows: Int
  let saves: Bool
  let recomputes: Bool
  private let arena: Arena
  /// From one layer's to the next one's: of x, and of the rest.
  private let inputStride: Int, layerStride: Int
  private let offsets: Offsets

  private struct Offsets {
    // Saved per layer.
    var x = 0  // (T, H) residual stream entering the layer
    var qkv = 0  // (T, Q) rotated queries and keys, values
    var rawQueryKey = 0  // (T, D + kv·dim) queries and keys before their norms, where they have some
    var headScale = 0  // (T, heads + kv) reciprocal norms of those
    var attended = 0  // (T, D)
    var logSumExp = 0  // (T, heads)
    var middle = 0  // (T, H) residual stream after attention
    var gateUp = 0  // (T, 2I)
    var inputScale = 0  // (T) reciprocal norms
    var middleScale = 0  // (T)
    // Shared by all layers.
    var final = 0  // (T, H) residual stream leaving the last layer
    var normed = 0  // (T, H)
    var gated = 0  // (T, I)
    var cosine = 0  // (T, dim/2)
    var sine = 0  // (T, dim/2)
    // Backward.
    var dx = 0  // (T, H) gradient of the residual stream
    var dnormed = 0  // (T, H)
    var dqkv = 0  // (T, Q)
    var dattended = 0  // (T, D)
    var dgated = 0  // (T, I)
  }

  init(_ c: ModelConfiguration, rows: Int, saves: Bool, recomputes: Bool = false) {
    self.rows = rows
    self.saves = saves
    self.recomputes = saves && recomputes
    var o = Offsets(), plan = ArenaPlan()
    func region(_ width: Int) -> Int { plan.region(rows * width) }
    o.x = region(c.hidden)
    let inputOnly = plan.count
    if saves, recomputes { for _ in 1..<c.layers { _ = plan.region(inputOnly) } }
    o.qkv = region(c.queryKeyValue)
    o.rawQueryKey = region(c.headNorms ? c.queryKeyWidth : 0)
    o.headScale = region(c.headNorms ? c.heads + c.keyValueHeads : 0)
    o.attended = region(c.queryWidth)
    o.logSumExp = region(c.heads)
    o.middle = saves ? region(c.hidden) : o.x
    o.gateUp = region(2 * c.intermediate)
    o.inputScale = region(1)
    o.middleScale = region(1)
    layerStride = saves && !recomputes ? plan.count : 0
    inputStride = saves && recomputes ? inputOnly : layerStride
    if saves, !recomputes { for _ in 1..<c.layers { _ = plan.region(layerStride) } }
    o.final = saves ? region(c.hidden) : o.x
    o.normed = region(c.hidden)
    o.gated = region(c.intermediate)
    o.cosine = region(c.headDimensions / 2)
    o.sine = region(c.headDimensions / 2)
    if saves {
      o.dx = region(c.hidden)
      o.dnormed = region(c.hidden)
      o.dqkv = region(c.queryKeyValue)
      o.dattended = region(c.queryWidth)
      o.dgated = region(c.intermediate)
    }
    offsets = o
    arena = Arena(count: plan.count)
  }

  private func saved(_ offset: Int, _ layer: Int) -> FloatPointer { arena.base + offset + layer * layerStride }
  func x(_ layer: Int) -> FloatPointer { arena.base + offsets.x + layer * inputStride }
  func qkv(_ layer: Int) -> FloatPointer { saved(offsets.qkv, layer) }
  func rawQueryKey(_ layer: Int) -> FloatPointer { saved(offsets.rawQueryKey, layer) }
  func headScale(_ layer: Int) -> FloatPointer { saved(offsets.headScale, layer) }
  func attended(_ layer: Int) -> FloatPointer { saved(offsets.attended, layer) }
  func logSumExp(_ layer: Int) -> FloatPointer { saved(offsets.logSumExp, layer) }
  func middle(_ layer: Int) -> FloatPointer { saved(offsets.middle, layer) }
  func gateUp(_ layer: Int) -> FloatPointer { saved(offsets.gateUp, layer) }
  func inputScale(_ layer: Int) -> FloatPointer { saved(offsets.inputScale, layer) }
  func middleScale(_ layer: Int) -> FloatPointer { saved(offsets.middleScale, layer) }
  var final: FloatPointer { arena.base + offsets.final }
  var normed: FloatPointer { arena.base + offsets.normed }
  var gated: FloatPointer { arena.base + offsets.gated }
  var cosine: FloatPointer { arena.base + offsets.cosine }
  var sine: FloatPointer { arena.base + offsets.sine }
  var dx: FloatPointer { arena.base + offsets.dx }
  var dnormed: FloatPointer { arena.base + offsets.dnormed }
  var dqkv: FloatPointer { arena.base + offsets.dqkv }
  var dattended: FloatPointer { arena.base + offsets.dattended }
  var dgated: FloatPointer { arena.base + offsets.dgated }
}
