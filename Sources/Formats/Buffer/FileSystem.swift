#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A file open for writing.
package struct OpenFile: Sendable {
  package let descriptor: Int32
  package let path: String

  package init(descriptor: Int32, path: String) {
    self.descriptor = descriptor
    self.path = path
  }
}

/// Everything that changes a buffer on disk goes through here, so that tests can let any one operation fail.
///
/// Each operation throws `RollbookError` (`io`, or `missing` for a path that is not there) and is complete when it
/// returns: no short writes, errors of `close` reported.
package protocol FileSystem: Sendable {
  /// Opens for writing, creating the file if need be, cut to its first `count` bytes and positioned after them.
  func open(_ path: String, keeping count: Int) throws -> OpenFile
  func write(_ bytes: UnsafeRawBufferPointer, to file: OpenFile) throws
  /// Asks that writes go straight to the disk from now on, or no longer. They are then of `directUnit` bytes or
  /// multiples, from memory and to positions that are multiples of it. A hint: where it cannot be, nothing changes.
  func writeDirectly(_ direct: Bool, to file: OpenFile)
  /// Waits until the file's data is on the disk.
  func sync(_ file: OpenFile) throws
  func close(_ file: OpenFile) throws
  /// Waits until the data of a closed file is on the disk.
  func syncFile(_ path: String) throws
  /// Renames a file or folder unless the target exists. False, and nothing done, if it does.
  func renameExclusively(_ path: String, to target: String) throws -> Bool
  /// Renames a file over what is at the target.
  func replace(_ target: String, with path: String) throws
  /// Waits until the folder's entries are on the disk.
  func syncFolder(_ path: String) throws
  /// Removes a file; one that is not there is no error.
  func remove(_ path: String) throws
  /// Creates a folder with its parents; one that is there is no error.
  func createFolder(_ path: String) throws
}

extension FileSystem {
  package func writeDirectly(_ direct: Bool, to file: OpenFile) {}
}

/// What direct writes are multiples of, in bytes: the largest block of common disks.
let directUnit = 4096

/// The operating system's file system.
package struct LocalFileSystem: FileSystem {
  package init() {}

  package func open(_ path: String, keeping count: Int) throws -> OpenFile {
    let descriptor = retryingInterrupts { openDescriptor(path, O_RDWR | O_CREAT | O_CLOEXEC) }
    guard descriptor >= 0 else { throw RollbookError.system("create", path, errno: errno) }
    var file = OpenFile(descriptor: descriptor, path: path)
    do {
      var status = stat()
      guard fstat(descriptor, &status) == 0 else { throw RollbookError.system("inspect", path, errno: errno) }
      if status.st_nlink > 1 { file = try unshare(file, keeping: count) }
      guard ftruncate(file.descriptor, off_t(count)) == 0, lseek(file.descriptor, off_t(count), SEEK_SET) >= 0 else {
        throw RollbookError.system("truncate", path, errno: errno)
      }
    } catch {
      _ = closeDescriptor(file.descriptor)
      throw error
    }
    return file
  }

  /// Replaces a file that has a second name by a copy of its beginning. A crash between the `link` and the `unlink`
  /// of `renameExclusively` leaves a staging file that is one with the published shard: it must not be written to.
  private func unshare(_ shared: OpenFile, keeping count: Int) throws -> OpenFile {
    try remove(shared.path)
    let descriptor = retryingInterrupts { openDescriptor(shared.path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC) }
    guard descriptor >= 0 else { throw RollbookError.system("create", shared.path, errno: errno) }
    let copy = OpenFile(descriptor: descriptor, path: shared.path)
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
    defer { buffer.deallocate() }
    var position = 0
    do {
      while position < count {
        let size = min(buffer.count, count - position)
        let found = retryingInterrupts { pread(shared.descriptor, buffer.baseAddress, size, off_t(position)) }
        guard found > 0 else { throw RollbookError.system("read", shared.path, errno: found == 0 ? EIO : errno) }
        try write(UnsafeRawBufferPointer(rebasing: buffer[..<found]), to: copy)
        position += found
      }
    } catch {
      _ = closeDescriptor(descriptor)
      throw error
    }
    _ = closeDescriptor(shared.descriptor)
    return copy
  }

  package func write(_ bytes: UnsafeRawBufferPointer, to file: OpenFile) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
      let piece = UnsafeRawBufferPointer(rebasing: rest)
      let written = retryingInterrupts { writeBytes(file.descriptor, piece) }
      if written < 0, errno == EINVAL, isDirect(file) {  // a disk with larger blocks
        writeDirectly(false, to: file)
        continue
      }
      guard written > 0 else { throw RollbookError.system("write", file.path, errno: written == 0 ? ENOSPC : errno) }
      rest = rest.dropFirst(written)
    }
  }

  package func writeDirectly(_ direct: Bool, to file: OpenFile) {
    let flags = fcntl(file.descriptor, F_GETFL)
    if flags >= 0 { _ = fcntl(file.descriptor, F_SETFL, direct ? flags | directFlag : flags & ~directFlag) }
  }

  private func isDirect(_ file: OpenFile) -> Bool { fcntl(file.descriptor, F_GETFL) & directFlag != 0 }

  package func sync(_ file: OpenFile) throws {
    guard retryingInterrupts({ fsync(file.descriptor) }) == 0 else {
      throw RollbookError.system("sync", file.path, errno: errno)
    }
  }

  /// Not retried when interrupted: on Linux the descriptor is gone all the same.
  package func close(_ file: OpenFile) throws {
    guard closeDescriptor(file.descriptor) == 0 || errno == EINTR else {
      throw RollbookError.system("close", file.path, errno: errno)
    }
  }

  package func syncFile(_ path: String) throws {
    let descriptor = retryingInterrupts { openDescriptor(path, O_RDWR | O_CLOEXEC) }
    guard descriptor >= 0 else { throw RollbookError.system("open", path, errno: errno) }
    let file = OpenFile(descriptor: descriptor, path: path)
    do { try sync(file) } catch {
      _ = closeDescriptor(descriptor)
      throw error
    }
    try close(file)
  }

  package func renameExclusively(_ path: String, to target: String) throws -> Bool {
    var status = stat()
    guard lstat(path, &status) == 0 else { throw RollbookError.system("rename", path, errno: errno) }
    if status.st_mode & S_IFMT == S_IFDIR {
      // rename(2) never replaces a folder that has entries.
      if renameEntry(path, target) == 0 { return true }
      if errno == EEXIST || errno == ENOTEMPTY || errno == ENOTDIR { return false }
      throw RollbookError.system("rename to \(target)", path, errno: errno)
    }
    // link(2) refuses an existing target, atomically, also over NFS.
    if link(path, target) == 0 {
      guard unlink(path) == 0 else { throw RollbookError.system("remove", path, errno: errno) }
      return true
    }
    switch errno {
    case EEXIST: return false
    case EPERM, ENOTSUP, ENOSYS, EMLINK:
      // A file system without hard links: the look before the rename is all there is.
      if lstat(target, &status) == 0 { return false }
      if renameEntry(path, target) == 0 { return true }
      throw RollbookError.system("rename to \(target)", path, errno: errno)
    default: throw RollbookError.system("rename to \(target)", path, errno: errno)
    }
  }

  package func replace(_ target: String, with path: String) throws {
    guard renameEntry(path, target) == 0 else {
      throw RollbookError.system("rename to \(target)", path, errno: errno)
    }
  }

  package func syncFolder(_ path: String) throws {
    let descriptor = retryingInterrupts { openDescriptor(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
    guard descriptor >= 0 else { throw RollbookError.system("open", path, errno: errno) }
    defer { _ = closeDescriptor(descriptor) }
    // Some network file systems cannot sync a folder and say so with EINVAL.
    guard retryingInterrupts({ fsync(descriptor) }) == 0 || errno == EINVAL else {
      throw RollbookError.system("sync", path, errno: errno)
    }
  }

  package func remove(_ path: String) throws {
    guard unlink(path) == 0 || errno == ENOENT else { throw RollbookError.system("remove", path, errno: errno) }
  }

  package func createFolder(_ path: String) throws {
    if mkdir(path, 0o777) == 0 || errno == EEXIST { return }
    guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash != path.startIndex else {
      throw RollbookError.system("create", path, errno: errno)
    }
    try createFolder(String(path[..<slash]))
    guard mkdir(path, 0o777) == 0 || errno == EEXIST else {
      throw RollbookError.system("create", path, errno: errno)
    }
  }
}

/// O_DIRECT, which Glibc's module hides.
#if arch(arm64)
  private let directFlag: Int32 = 0o200000
#else
  private let directFlag: Int32 = 0o40000
#endif

// The C functions, under names that the methods above do not hide.
private func openDescriptor(_ path: String, _ flags: Int32) -> Int32 { open(path, flags, 0o666) }
private func closeDescriptor(_ descriptor: Int32) -> Int32 { close(descriptor) }
private func renameEntry(_ path: String, _ target: String) -> Int32 { rename(path, target) }
private func writeBytes(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
  write(descriptor, bytes.baseAddress, bytes.count)
}
