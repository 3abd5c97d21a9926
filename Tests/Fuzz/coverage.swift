import Foundation

#if canImport(Glibc)
  import Glibc
#endif

// What libFuzzer calls; compiled by scripts/fuzz_coverage.sh only.

private let reader = Reader(rawValue: variable("ROLLBOOK_READER")) ?? .shard
private let path = "\(variable("ROLLBOOK_CORPUS"))-input.gguf"

private func variable(_ name: String) -> String { ProcessInfo.processInfo.environment[name] ?? "" }

/// Writes the corpus.
@_cdecl("LLVMFuzzerInitialize")
public func initialize(_ count: UnsafeRawPointer, _ arguments: UnsafeRawPointer) -> CInt {
  let folder = variable("ROLLBOOK_CORPUS")
  guard (try? FileManager.default.contentsOfDirectory(atPath: folder))?.isEmpty == true else {
    return 0
  }
  let golden = FileManager.default.currentDirectoryPath + "/Tests/Golden"
  do {
    let inputs = try reader.corpus(folder: folder, golden: golden)
    for (number, input) in inputs.enumerated() {
      try Data(input).write(to: URL(fileURLWithPath: "\(folder)/\(number)"))
    }
  } catch {
    print("no corpus: \(error)")
    exit(70)
  }
  return 0
}

/// Reads one input; anything but values and a refusal ends the process.
@_cdecl("LLVMFuzzerTestOneInput")
public func attempt(_ start: UnsafeRawPointer?, _ count: Int) -> CInt {
  do {
    let system = LocalFileSystem()
    try system.remove(path)
    let file = try system.open(path, keeping: 0)
    try system.write(UnsafeRawBufferPointer(start: start, count: count), to: file)
    try system.close(file)
    try reader.read(path)
  } catch let error as RollbookError where error.code == .badInput || error.code == .missing {
  } catch {
    print("\(error)")
    abort()
  }
  return 0
}
