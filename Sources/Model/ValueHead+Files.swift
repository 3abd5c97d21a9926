package import Formats
import Kernels

extension ValueHead {
  /// The score that a model's files hold: `value.weight` and `value.bias`, or `score.weight` of a Hugging Face
  /// classifier with one label; nil where there is none.
  ///
  /// - Parameter source: Where those tensors are looked for.
  /// - Throws: `badInput` for a tensor of another shape.
  package convenience init?(_ c: ModelConfiguration, from source: any TensorSource, path: String) throws {
    self.init(c)
    func read(_ name: String, shapes: [[Int]], at offset: Int) throws {
      guard let info = source.info(name) else { return }
      guard shapes.contains(info.shape) else {
        throw RollbookError.badInput(path, "tensor \(name): expected \(shapes[0]), found \(info.shape)")
      }
      try source.read(name, into: UnsafeMutableBufferPointer(start: arena.base + offset, count: info.elementCount))
    }
    guard source.info("value.weight") != nil || source.info("score.weight") != nil else { return nil }
    try read("score.weight", shapes: [[1, c.hidden]], at: entries[0].offset)
    try read("value.weight", shapes: [[c.hidden]], at: entries[0].offset)
    try read("value.bias", shapes: [[1]], at: entries[1].offset)
  }

  /// Added to every value.
  package var offset: Float {
    get { (arena.base + entries[1].offset).pointee }
    set { (arena.base + entries[1].offset).pointee = newValue }
  }
}
