package import ArgumentParser
import Formats
import Foundation
import Pipeline

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// `rollbook-fuzz`: damaged files for every reader. A tool for those who work on Rollbook; scripts/fuzz.sh runs it.
@main
package struct Fuzz: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "rollbook-fuzz",
    abstract: "Feed a reader with damaged files.",
    discussion: """
      Every input has to give values or an error that says what is wrong with it. One that ends this process (a trap, \
      more than --memory, more than --seconds) is left in the file 'input' of --folder.

        rollbook-fuzz shard --inputs 100000 --seed 1 --folder /dev/shm/fuzz
        rollbook-fuzz gguf --file Tests/Fuzz/cases/gguf/0123abcd --folder /dev/shm/fuzz

      Readers: \(Reader.allCases.map(\.rawValue).joined(separator: ", ")).
      """,
    version: Version.text)

  @Argument(help: "The reader.", transform: Fuzz.reader)
  var reader: Reader

  @Option(help: "How many inputs.")
  var inputs = 100_000

  @Option(help: "Number that decides the inputs.")
  var seed: UInt64 = 1

  @Option(help: "A folder for the input being tried, in memory if possible.")
  var folder: String

  @Option(help: "The project's Tests/Golden, which has models to start from.")
  var golden = "Tests/Golden"

  @Option(help: "Try this file only.")
  var file: String?

  @Option(help: "Gigabytes of address space.")
  var memory = 4

  @Option(help: "Seconds that one input may take.")
  var seconds = 10

  package init() {}

  private static func reader(_ name: String) throws -> Reader {
    guard let reader = Reader(rawValue: name) else {
      throw ValidationError(
        "expected one of \(Reader.allCases.map(\.rawValue).joined(separator: ", ")), found '\(name)'")
    }
    return reader
  }

  package static func main() { Stage.main(Self.self, resumable: false) }

  package func run() throws {
    try LocalFileSystem().createFolder(folder)
    var limit = rlimit()
    limit.rlim_cur = rlim_t(max(1, memory)) << 30
    limit.rlim_max = limit.rlim_cur
    setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit)
    let run = try FuzzRun(reader, seed: seed, folder: folder, golden: golden)
    if let file {
      alarm(UInt32(seconds))
      return try Output.print(run.attempt(file) ? "read" : "refused")
    }
    let start = Date()
    let counts = try run.run(0..<inputs, seconds: seconds)
    let rate = Double(inputs) / max(Date().timeIntervalSince(start), 1e-3)
    try Output.print(
      "\(reader.rawValue): \(inputs) inputs of seed \(seed), \(counts.read) read, \(counts.refused) refused, "
        + "\(Int(rate)) inputs/s")
  }
}
