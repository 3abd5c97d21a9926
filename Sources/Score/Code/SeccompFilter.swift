/// System calls that a sandboxed process is refused, as the classic BPF program that bubblewrap loads.
///
/// What is refused returns EPERM (an exception that programs can handle), `clone3` and `io_uring_setup` ENOSYS, so that
/// the C library falls back to calls whose flags a filter can read. Calls of another architecture kill the process.
enum SeccompFilter {
  /// The two kinds of guests.
  enum Kind: Sendable {
    /// One process that starts no other, opens no socket and signals nobody; threads and socket pairs are allowed.
    case alone
    /// Compilers and shells: processes may be started and signalled.
    case family
  }

  private enum Field { static let number: UInt32 = 0, architecture: UInt32 = 4, first: UInt32 = 16 }
  private enum Code {
    static let load: UInt16 = 0x20, equal: UInt16 = 0x15, atLeast: UInt16 = 0x35,
      anyBit: UInt16 = 0x45
    static let end: UInt16 = 0x06
  }
  private static let allow: UInt32 = 0x7FFF_0000
  private static let kill: UInt32 = 0x8000_0000
  private static func fail(_ error: UInt32) -> UInt32 { 0x0005_0000 | error }

  #if arch(x86_64)
    static let isSupported = true
    private static let architecture: UInt32 = 0xC000_003E
    private static let clone: UInt32 = 56
    private static let missing: [UInt32] = [435, 425]  // clone3, io_uring_setup
    /// ptrace, mount, umount2, pivot_root, chroot, unshare, setns, keyctl and its two, bpf, perf_event_open,
    /// userfaultfd, process_vm_*, open_by_handle_at, personality, the loaders of modules and kernels, memfd_create and
    /// _secret (memory that no limit counts), System V memory and queues, mount's new calls, pidfd_getfd.
    private static let always: [UInt32] = [
      101, 165, 166, 155, 161, 272, 308, 250, 248, 249, 321, 298, 323, 310, 311, 304, 135, 175, 176,
      313, 246, 320, 319,
      447, 29, 30, 31, 64, 65, 66, 68, 69, 70, 71, 428, 429, 430, 431, 432, 433, 438, 442,
    ]
    /// fork, vfork, socket, kill, tkill, rt_sigqueueinfo, rt_tgsigqueueinfo, pidfd_send_signal.
    private static let others: [UInt32] = [57, 58, 41, 62, 200, 129, 297, 424]
  #elseif arch(arm64)
    static let isSupported = true
    private static let architecture: UInt32 = 0xC000_00B7
    private static let clone: UInt32 = 220
    private static let missing: [UInt32] = [435, 425]
    /// The same calls as on x86-64.
    private static let always: [UInt32] = [
      117, 40, 39, 41, 51, 97, 268, 219, 217, 218, 280, 241, 282, 270, 271, 265, 92, 105, 106, 273,
      104, 294, 279,
      447, 194, 195, 196, 197, 190, 191, 193, 186, 187, 188, 189, 428, 429, 430, 431, 432, 433, 438,
      442,
    ]
    private static let others: [UInt32] = [198, 129, 130, 138, 240, 424]
  #else
    static let isSupported = false
    private static let architecture: UInt32 = 0
    private static let clone: UInt32 = 0
    private static let missing: [UInt32] = []
    private static let always: [UInt32] = []
    private static let others: [UInt32] = []
  #endif

  /// The program: instructions of 8 bytes, little-endian.
  static func program(_ kind: Kind) -> [UInt8] {
    var code: [UInt8] = []
    func add(_ operation: UInt16, _ yes: UInt8, _ no: UInt8, _ value: UInt32) {
      withUnsafeBytes(of: operation.littleEndian) { code += $0 }
      code += [yes, no]
      withUnsafeBytes(of: value.littleEndian) { code += $0 }
    }
    func refuse(_ number: UInt32, _ error: UInt32) {
      add(Code.equal, 0, 1, number)
      add(Code.end, 0, 0, fail(error))
    }
    add(Code.load, 0, 0, Field.architecture)
    add(Code.equal, 1, 0, architecture)
    add(Code.end, 0, 0, kill)
    add(Code.load, 0, 0, Field.number)
    // The x32 calls of x86-64.
    add(Code.atLeast, 0, 1, 0x4000_0000)
    add(Code.end, 0, 0, kill)
    for number in missing { refuse(number, 38) }  // ENOSYS
    for number in always + (kind == .alone ? others : []) { refuse(number, 1) }  // EPERM
    // The last part may load another field: of clone, threads (CLONE_THREAD) or no new namespaces (CLONE_NEW…).
    add(Code.equal, 1, 0, clone)
    add(Code.end, 0, 0, allow)
    add(Code.load, 0, 0, Field.first)
    if kind == .alone {
      add(Code.anyBit, 1, 0, 0x0001_0000)
    } else {
      add(Code.anyBit, 0, 1, 0x7E02_0000)
    }
    add(Code.end, 0, 0, fail(1))
    add(Code.end, 0, 0, allow)
    return code
  }
}
