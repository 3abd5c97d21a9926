#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A whole file, mapped read-only; unmapped when the last reference goes.
///
/// `bytes` is valid only while this object lives: keep it in a property or a `let` beyond every use of the pointer,
/// never `MappedFile(path: p).bytes` in one expression (`MappedFile.contents(of:)` copies instead). The file must not
/// be shortened by anyone while it is mapped (reading a page that vanished is a bus error): published shards and
/// checkpoints are never rewritten, so this holds for everything of ours.
package final class MappedFile: @unchecked Sendable {
  /// The path as it was given.
  package let path: String
  /// The contents; empty (with no base address) for an empty file.
  package let bytes: UnsafeRawBufferPointer
  /// Names the file itself, whatever becomes of the path.
  private let identity: (device: dev_t, inode: ino_t)

  /// How the pages are going to be used (`madvise`).
  package enum Access {
    case sequential, random, soon
  }

  /// Maps `path`.
  ///
  /// - Throws: `RollbookError` `missing` if there is no such file, `badInput` if it is not a regular file, `io`.
  package init(path: String) throws {
    self.path = path
    let descriptor = retryingInterrupts { open(path, O_RDONLY | O_CLOEXEC) }
    guard descriptor >= 0 else { throw RollbookError.system("open", path, errno: errno) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw RollbookError.system("inspect", path, errno: errno) }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw RollbookError.badInput(path, "expected a regular file, found a folder or device")
    }
    identity = (status.st_dev, status.st_ino)
    let count = Int(status.st_size)
    guard count > 0 else {
      bytes = UnsafeRawBufferPointer(start: nil, count: 0)
      return
    }
    guard let start = mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0), start != MAP_FAILED else {
      throw RollbookError.system("map", path, errno: errno)
    }
    bytes = UnsafeRawBufferPointer(start: start, count: count)
  }

  /// A copy of a whole file, for small ones.
  package static func contents(of path: String) throws -> [UInt8] {
    let file = try MappedFile(path: path)
    return withExtendedLifetime(file) { Array(file.bytes) }
  }

  /// Copies a part of `bytes`. A large one is read instead, as long as the path still is this file: mapping its pages
  /// would cost more than copying them, and count as this process's memory.
  package func copy(_ part: UnsafeRawBufferPointer, to target: UnsafeMutableRawPointer) {
    var done = 0
    if part.count >= 1 << 20, let start = bytes.baseAddress, let first = part.baseAddress {
      done = read(from: first - start, count: part.count, to: target)
    }
    if done < part.count { (target + done).copyMemory(from: part.baseAddress! + done, byteCount: part.count - done) }
  }

  /// - Returns: How many bytes could be read.
  private func read(from offset: Int, count: Int, to target: UnsafeMutableRawPointer) -> Int {
    let descriptor = retryingInterrupts { open(path, O_RDONLY | O_CLOEXEC) }
    guard descriptor >= 0 else { return 0 }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, (status.st_dev, status.st_ino) == identity else { return 0 }
    var done = 0
    while done < count {
      let found = retryingInterrupts {
        pread(descriptor, target + done, min(count - done, 8 << 20), off_t(offset + done))
      }
      guard found > 0 else { break }
      done += found
    }
    return done
  }

  deinit {
    if let start = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: start), bytes.count) }
  }

  /// Tells the kernel how the whole file will be read. A hint only: errors are ignored.
  package func advise(_ access: Access) {
    guard let start = bytes.baseAddress else { return }
    let advice =
      switch access {
      case .sequential: MADV_SEQUENTIAL
      case .random: MADV_RANDOM
      case .soon: MADV_WILLNEED
      }
    madvise(UnsafeMutableRawPointer(mutating: start), bytes.count, Int32(advice))
  }
}
