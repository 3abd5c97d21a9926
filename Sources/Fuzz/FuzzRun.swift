import Formats

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Feeds a reader with inputs, one after the other, each kept in a file while it is tried: what ends the process is
/// still there afterwards.
package struct FuzzRun {
  package let reader: Reader
  /// The input that is being tried.
  package let path: String
  private let mutator: Mutator
  private let seed: UInt64

  /// How the inputs of a run ended.
  package struct Counts {
    package var read = 0
    package var refused = 0
  }

  /// - Parameters:
  ///   - folder: A folder to write to, in memory if possible.
  ///   - golden: The folder of the goldens.
  package init(_ reader: Reader, seed: UInt64, folder: String, golden: String) throws {
    self.reader = reader
    self.seed = seed
    path = "\(folder)/\(reader.fileName)"
    mutator = Mutator(corpus: try reader.corpus(folder: folder, golden: golden))
  }

  /// Tries inputs by number.
  ///
  /// - Parameter seconds: After which an input ends the process with SIGALRM; nil for no limit.
  /// - Throws: The first error that is no `RollbookError`, or one with the code `bug`.
  package func run(_ range: Range<Int>, seconds: Int? = nil) throws -> Counts {
    var counts = Counts()
    let file = LocalFileSystem()
    for number in range {
      // Never cut while it is mapped: each input has its file for itself.
      try file.remove(path)
      let output = try file.open(path, keeping: 0)
      try mutator.input(number, seed: seed).withUnsafeBytes { try file.write($0, to: output) }
      try file.close(output)
      if let seconds { alarm(UInt32(seconds)) }
      if try attempt(path) { counts.read += 1 } else { counts.refused += 1 }
    }
    if seconds != nil { alarm(0) }
    return counts
  }

  /// Reads one file; false when it is refused.
  package func attempt(_ path: String) throws -> Bool {
    do {
      try reader.read(path)
      return true
    } catch let error as RollbookError where error.code == .badInput || error.code == .missing {
      return false
    }
  }
}
