/// Typed look-ups of `ARCHITECTURE.key` in a GGUF file's metadata.
struct GGUFFields {
  let gguf: GGUF

  var architecture: String { gguf.metadata["general.architecture"]?.string ?? "" }

  func bad(_ message: String) -> RollbookError {
    .badInput(gguf.path, message, hint: "the file may come from another converter: convert the model again")
  }

  /// A count: an integer from 0 to 2^31, so that sums and products of a few of them cannot overflow.
  func optionalInt(_ key: String) throws -> Int? {
    guard let value = gguf.metadata["\(architecture).\(key)"] else { return nil }
    guard let int = value.int, (0...Int(Int32.max)).contains(int) else {
      throw bad("expected \(architecture).\(key) to be one non-negative integer")
    }
    return int
  }

  func int(_ key: String) throws -> Int {
    guard let value = try optionalInt(key) else { throw bad("expected metadata '\(architecture).\(key)', found none") }
    return value
  }

  /// A number, as the shortest decimal that gives the stored float.
  func optionalFloat(_ key: String) throws -> Double? {
    guard let value = gguf.metadata["\(architecture).\(key)"] else { return nil }
    guard let double = value.double, double.isFinite else {
      throw bad("expected \(architecture).\(key) to be one number")
    }
    return Double(Float(double)) == double ? shortest(Float(double)) : double
  }

  func float(_ key: String) throws -> Double {
    guard let value = try optionalFloat(key) else {
      throw bad("expected metadata '\(architecture).\(key)', found none")
    }
    return value
  }
}
