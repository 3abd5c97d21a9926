package import Kernels

/// The keys and values of a set of segments, for every layer (generation) or for one layer at a time (training).
package final class KeyStore {
  package let attention: Attention
  package private(set) var segments: [Segment] = []
  /// Where the keys of a segment begin, and its values; per layer, in floats.
  private var keyOffsets: [Int] = []
  private var valueOffsets: [Int] = []
  private let keyValueHeads: Int
  private let keepsLayers: Bool
  private let layers: Int
  private var keyCount = 0
  private var valueCount = 0
  private var keys = Arena(count: 0)
  private var values = Arena(count: 0)
  // Backward: the values blocked like keys, the keys by rows like values, and both gradients.
  private var valuesBlocked: Arena?
  private var keyRows: Arena?
  private var keyGradients: Arena?
  private var valueGradients: Arena?

  /// - Parameter keepsLayers: false when only the layer at work is needed, as in training.
  package init(_ c: ModelConfiguration, keepsLayers: Bool) {
    attention = Attention(heads: c.heads / c.keyValueHeads, dimensions: c.headDimensions)
    keyValueHeads = c.keyValueHeads
    layers = c.layers
    self.keepsLayers = keepsLayers
  }

  /// Lays the segments out, growing the memory where needed. Stored keys are lost.
  package func reserve(_ segments: [Segment], backward: Bool = false) {
    self.segments = segments
    keyOffsets = []
    valueOffsets = []
    (keyCount, valueCount) = (0, 0)
    for s in segments {
      keyOffsets.append(keyCount)
      valueOffsets.append(valueCount)
      keyCount += keyValueHeads * keySize(s)
      valueCount += keyValueHeads * s.capacity * attention.width
    }
    let copies = keepsLayers ? layers : 1
    grow(&keys, keyCount * copies)
    grow(&values, valueCount * copies)
    if backward {
      grow(&valuesBlocked, keyCount)
      grow(&keyRows, valueCount)
      grow(&keyGradients, valueCount)
      grow(&valueGradients, valueCount)
    }
  }

  /// Moves a segment to other positions or another prefix; its stored keys are lost. Its capacity must be within
  /// the one it was reserved with, counting the positions before `first` in its first block of 16.
  package func reuse(_ index: Int, first: Int, prefix: Int?) {
    segments[index].first = first
    segments[index].prefix = prefix
  }

  /// Floats of one head's blocked keys: `first` may later be any number, so one block more than the tokens need.
  private func keySize(_ s: Segment) -> Int { ((s.capacity + 14) / 16 + 1) * 16 * attention.width }

  private func grow(_ arena: inout Arena, _ count: Int) {
    if arena.count < count { arena = Arena(count: count, hugePages: !keepsLayers) }
  }

  private func grow(_ arena: inout Arena?, _ count: Int) {
    if (arena?.count ?? -1) < count { arena = Arena(count: count) }
  }

  /// One head's keys and values of a segment.
  package func keys(layer: Int, segment index: Int, head: Int) -> KeySegment {
    let s = segments[index], layer = keepsLayers ? layer : 0
    let key = keyOffsets[index] + head * keySize(s)
    let value = valueOffsets[index] + head * s.capacity * attention.width
    var result = KeySegment(
      keysBlocked: keys.base + layer * keyCount + key, values: values.base + layer * valueCount + value, first: s.first)
    result.valuesBlocked = valuesBlocked.map { $0.base + key }
    result.keys = keyRows.map { $0.base + value }
    result.keyGradients = keyGradients.map { $0.base + value }
    result.valueGradients = valueGradients.map { $0.base + value }
    return result
  }

  /// One head's chain of a segment and those before it.
  func chain(layer: Int, segment index: Int, head: Int) -> KeyChain {
    let own = keys(layer: layer, segment: index, head: head)
    guard let before = segments[index].prefix else { return KeyChain(own: own) }
    let prompt = keys(layer: layer, segment: before, head: head)
    let shared = segments[before].prefix.map { keys(layer: layer, segment: $0, head: head) }
    return KeyChain(shared: shared, prompt: prompt, own: own)
  }

  /// Zeroes the gradients of one head's keys and values of a segment.
  func clearGradients(segment index: Int, head: Int) {
    let count = segments[index].capacity * attention.width
    let s = keys(layer: 0, segment: index, head: head)
    s.keyGradients?.update(repeating: 0, count: count)
    s.valueGradients?.update(repeating: 0, count: count)
  }

  /// Bytes of keys and values that a segment of this capacity takes, over all layers.
  func bytes(capacity: Int) -> Int {
    let segment = Segment(first: 0, capacity: capacity)
    let floats = keyValueHeads * (keySize(segment) + capacity * attention.width) * (keepsLayers ? layers : 1)
    return floats * MemoryLayout<Float>.stride
  }
}
