internal import Formats
internal import Glibc

/// Calls of the C library that its module leaves out (they are extensions of Linux's), looked up once.
enum LinuxCalls {
  typealias Pipe2 = @convention(c) (UnsafeMutablePointer<Int32>, Int32) -> Int32
  typealias MemoryFile = @convention(c) (UnsafePointer<CChar>, UInt32) -> Int32
  typealias CloseFrom =
    @convention(c) (UnsafeMutablePointer<posix_spawn_file_actions_t>, Int32) -> Int32

  static let pipe2 = find("pipe2", as: Pipe2.self)
  static let memoryFile = find("memfd_create", as: MemoryFile.self)
  static let closeFrom = find("posix_spawn_file_actions_addclosefrom_np", as: CloseFrom.self)

  static let memoryFileClosesOnExec: UInt32 = 1
  static let spawnSetsSession: Int32 = 0x80

  private static func find<Function>(_ name: String, as type: Function.Type) -> Function? {
    dlsym(dlopen(nil, RTLD_NOW), name).map { unsafeBitCast($0, to: type) }
  }

  /// - Throws: `missing` where the C library is too old.
  static func checked<Function>(_ function: Function?) throws -> Function {
    guard let function else {
      throw RollbookError.missing("code", "running programs needs the GNU C library 2.34 or later")
    }
    return function
  }
}
