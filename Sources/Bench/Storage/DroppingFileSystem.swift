internal import Formats

/// Takes everything and keeps nothing, so that a writer can be measured without the system's copy of the file.
struct DroppingFileSystem: FileSystem {
  func open(_ path: String, keeping count: Int) throws -> OpenFile { OpenFile(descriptor: -1, path: path) }
  func write(_ bytes: UnsafeRawBufferPointer, to file: OpenFile) throws {}
  func sync(_ file: OpenFile) throws {}
  func close(_ file: OpenFile) throws {}
  func syncFile(_ path: String) throws {}
  func renameExclusively(_ path: String, to target: String) throws -> Bool { true }
  func replace(_ target: String, with path: String) throws {}
  func syncFolder(_ path: String) throws {}
  func remove(_ path: String) throws {}
  func createFolder(_ path: String) throws {}
}
