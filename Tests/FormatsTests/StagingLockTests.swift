import Formats
import Foundation
import Testing

@Suite struct StagingLockTests {
  /// A lock that cannot be taken closes its descriptor once: a second time would close what another thread opened
  /// meanwhile.
  @Test func refusedLocksCloseNothingElse() async throws {
    let scratch = try ScratchFolder()
    let path = "\(scratch.path)/x.lock"
    let held = try StagingLock(path: path)
    async let refusals = refusals(of: path, 20_000)
    var lost = 0
    for _ in 0..<80_000 {
      let descriptor = open("/dev/null", O_RDONLY | O_CLOEXEC)
      for _ in 0..<20 where fcntl(descriptor, F_GETFD) < 0 { lost += 1 }
      if close(descriptor) != 0 { lost += 1 }
    }
    #expect(await refusals == 20_000)
    #expect(lost == 0)
    held.release()
    try StagingLock(path: path).release()
  }

  private func refusals(of path: String, _ count: Int) async -> Int {
    (0..<count).count { _ in (try? StagingLock(path: path)) == nil }
  }
}
