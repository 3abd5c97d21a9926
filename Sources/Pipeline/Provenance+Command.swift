import Foundation
import Synchronization

extension Provenance {
  /// How to run the process's action again: the program and its flags as they were typed, and where.
  package struct Command: Equatable, Sendable {
    /// The program first.
    package var words: [String]
    /// What relative paths among them are relative to.
    package var directory: String
  }

  /// What says where to put the result or how to tell people of it: no part of the work.
  private static let leftOut = ["buffer", "json", "quiet"]

  private static let recorded = Mutex<Command?>(nil)

  /// Remembers what this process was asked to do, for every manifest that it writes. Flags are kept as they were typed,
  /// so that one which is added to a program tomorrow can be run again by `rollbook rerun` of today.
  static func record(program: String, arguments: [String]) {
    var flags = FlagList(arguments)
    for name in leftOut { flags.remove(name) }
    let command = Command(words: [program] + flags.arguments, directory: FileManager.default.currentDirectoryPath)
    recorded.withLock { $0 = command }
  }

  /// What this process was asked to do; nil where no frame began it.
  package static var command: Command? { recorded.withLock { $0 } }

  /// The environment variable in which `rollbook rerun` tells a stage what kernels the stored result is of.
  package static let storedKernels = "ROLLBOOK_STORED_KERNELS"

  /// Says before anything is computed that the result may be another.
  static func warn(kernels: String) {
    guard let stored = Terminal.environment(storedKernels), stored != kernels else { return }
    Output.note(Terminal.sanitizeLine("note: stored with the kernels \(stored), these are \(kernels)"))
  }
}
