import Kernels

/// Where a backward pass adds its gradients. What is nil is not computed.
package struct GradientSink {
  /// Of the parameters' layout.
  let parameters: Parameters?
  /// Of the layout of the transformer's adapter.
  let adapter: Adapter?
  /// Where regions of that layout begin that nobody wants: norms, fused products, an adapter's matrices.
  private let skipped: Set<Int>
  /// Below this layer nothing is wanted, the embedding included.
  let lowestLayer: Int

  /// - Parameter wanted: whether a parameter is trained, by its name; a product that is computed at once, such as that
  ///   of q, k and v, is computed if any of its parameters is.
  package init(parameters: Parameters, wanted: (String) -> Bool = { _ in true }) {
    (self.parameters, adapter) = (parameters, nil)
    let layout = parameters.layout
    let starts = Set(layout.regions), offsets = layout.entries.filter { wanted($0.name) }.map(\.offset).sorted()
    skipped = Self.skipped(starts, wanted: offsets)
    let skipped = skipped
    let first = layout.layers.firstIndex { layer in layer.regions.contains { !skipped.contains($0) } }
    lowestLayer = skipped.contains(layout.embedding) ? first ?? layout.layers.count : 0
  }

  package init(adapter: Adapter, wanted: (String) -> Bool = { _ in true }) {
    (parameters, self.adapter) = (nil, adapter)
    let layout = adapter.layout
    let offsets = layout.entries.filter { wanted($0.name) }.map(\.offset).sorted()
    skipped = Self.skipped(Set(layout.entries.map(\.offset)), wanted: offsets)
    let skipped = skipped
    lowestLayer =
      (0..<layout.layerCount).first { l in
        LinearKind.allCases.contains { kind in
          layout.parts(l, kind).contains { !skipped.contains($0.a) || !skipped.contains($0.b) }
        }
      } ?? layout.layerCount
  }

  /// The starts of regions that no wanted offset lies in.
  private static func skipped(_ starts: Set<Int>, wanted: [Int]) -> Set<Int> {
    let sorted = starts.sorted()
    var skipped = starts, region = 0
    for offset in wanted {
      while region + 1 < sorted.count, sorted[region + 1] <= offset { region += 1 }
      skipped.remove(sorted[region])
    }
    return skipped
  }

  func at(_ part: KeyPath<ParameterLayout, Int>) -> FloatPointer? {
    parameters.flatMap { at($0, $0.layout[keyPath: part]) }
  }

  func at(_ layer: Int, _ part: KeyPath<ParameterLayout.Layer, Int>) -> FloatPointer? {
    parameters.flatMap { at($0, $0.layout.layers[layer][keyPath: part]) }
  }

  func at(_ layer: Int, _ part: KeyPath<ParameterLayout.Layer, Int?>) -> FloatPointer? {
    parameters.flatMap { p in p.layout.layers[layer][keyPath: part].flatMap { at(p, $0) } }
  }

  func at(_ layer: Int, _ kind: LinearKind) -> FloatPointer? {
    parameters.flatMap { at($0, $0.layout.layers[layer][kind]) }
  }

  private func at(_ parameters: Parameters, _ offset: Int) -> FloatPointer? {
    skipped.contains(offset) ? nil : parameters.arena.base + offset
  }

  /// A matrix of the adapter.
  func at(adapter offset: Int) -> FloatPointer? {
    adapter.flatMap { skipped.contains(offset) ? nil : $0.arena.base + offset }
  }
}
