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
