/// A model in several safetensors files, found through `model.safetensors.index.json` (transformers' layout):
/// its `weight_map` says which file of the same folder holds each tensor.
package final class ShardedSafetensors: TensorSource {
  /// The path of the index file.
  package let path: String
  /// File by file (by name), in the order of each file's data; `offset` is within its own file.
  package let tensors: [TensorInfo]
  /// The paths of the files, sorted by name.
  package let files: [String]
  private let parts: [Safetensors]
  /// Name → (file, position in `tensors`).
  private let places: [String: (part: Int, tensor: Int)]

  /// Opens the index and every file it names.
  ///
  /// - Throws: `RollbookError` `missing` for a file or a tensor that the index names and that is not there.
  package init(index path: String) throws {
    let json = try JSON.parse(contentsOf: path)
    guard let map = json["weight_map"]?.object else {
      throw RollbookError.badInput(path, "expected an object 'weight_map'")
    }
    let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
    var names: [String: String] = [:]
    for member in map.members {
      guard let file = member.value.string, !file.isEmpty, !file.contains("/"), !file.utf8.contains(0) else {
        throw RollbookError.badInput(path, "expected the name of a file in the same folder for tensor '\(member.key)'")
      }
      names[member.key] = file
    }
    let fileNames = Set(names.values).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    let files = fileNames.map { folder + $0 }
    let parts = try files.map { try Safetensors(path: $0) }
    var tensors: [TensorInfo] = []
    var places: [String: (part: Int, tensor: Int)] = [:]
    for (number, part) in parts.enumerated() {
      // A tensor that the index places elsewhere (or nowhere) is not part of the model.
      for tensor in part.tensors where names[tensor.name] == fileNames[number] {
        places[tensor.name] = (number, tensors.count)
        tensors.append(tensor)
      }
    }
    for member in map.members where places[member.key] == nil {
      throw RollbookError.missing(
        folder + (member.value.string ?? ""), "expected tensor '\(member.key)', as \(path) says, found none",
        hint: "the index and its files are from different models: fetch the model again")
    }
    self.path = path
    self.files = files
    self.parts = parts
    self.tensors = tensors
    self.places = places
  }

  package func info(_ name: String) -> TensorInfo? {
    places[name].map { tensors[$0.tensor] }
  }

  package func read(_ name: String, rows: Range<Int>, into target: UnsafeMutableBufferPointer<Float>) throws {
    guard let place = places[name] else {
      throw RollbookError.missing(
        path, "expected a tensor '\(name)', found none of that name",
        hint: "check that the files belong to the model's config.json")
    }
    try parts[place.part].read(name, rows: rows, into: target)
  }
}
