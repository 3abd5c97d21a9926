import Foundation

/// The expected numbers that tests compare with.
public enum Golden {
  /// The folder of the goldens, laid out as Tests/Golden: `ROLLBOOK_GOLDEN`, or the project's own copy.
  public static let folder: String =
    ProcessInfo.processInfo.environment["ROLLBOOK_GOLDEN"]
    ?? URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Golden").path
}

/// The top of the project's source tree.
public let projectFolder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  .deletingLastPathComponent().path
