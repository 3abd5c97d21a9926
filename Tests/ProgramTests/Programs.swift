import Foundation
import Testing

/// Runs the built programs as a user would: in a folder of their own, looking at exit codes, output and files only.
enum Programs {
  /// Where the programs are: `ROLLBOOK_BIN`, or beside the test bundle.
  static let folder: String =
    ProcessInfo.processInfo.environment["ROLLBOOK_BIN"]
    ?? URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent().path
}

@Test func programsAreBuilt() {
  for name in ["rollbook", "rollbook-generate", "rollbook-score", "rollbook-train"] {
    #expect(FileManager.default.isExecutableFile(atPath: "\(Programs.folder)/\(name)"), "\(Programs.folder)/\(name)")
  }
}
