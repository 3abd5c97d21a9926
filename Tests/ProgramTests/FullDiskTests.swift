import Formats
import Foundation
import Kernels
import Testing

enum SmallDisk {
  /// Whether a private mount is permitted.
  static let canMount: Bool = {
    guard let scratch = try? Scratch() else { return false }
    let trial = try? scratch.run("/usr/bin/env", ["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", scratch.folder])
    return trial?.code == 0
  }()
}

extension ProgramTests {
  /// A disk that is full or read-only: a small tmpfs in a mount namespace of its own, which nobody else sees and which
  /// is gone with the shell that made it.
  @Suite(.enabled(if: SmallDisk.canMount, "no tmpfs can be mounted here with unshare -rm"))
  struct FullDiskTests {
    let scratch: Scratch

    init() throws { scratch = try Scratch() }

    /// Runs shell commands with $DISK, a file system of 8 MB. `fill N` leaves N bytes, `release` frees them again;
    /// `expect CODE PROGRAM …` ends the shell with 1 and a message at another exit code.
    private func onSmallDisk(_ commands: String) throws -> Outcome {
      let frame = """
        set -u
        DISK=\(scratch.folder)/disk; B=$DISK/run; mkdir -p $DISK
        mount -t tmpfs -o size=8m tmpfs $DISK
        fill() { dd if=/dev/zero of=$DISK/filler bs=4k 2>/dev/null; truncate -s -$1 $DISK/filler; }
        release() { rm -f $DISK/filler; }
        expect() {
          local wanted=$1 found=0; shift
          "$ROLLBOOK_BIN/$@" || found=$?
          [ $found -eq $wanted ] || { echo "expected exit code $wanted, found $found: $*" >&2; exit 1; }
        }
        none() { [ -z "$(ls -A $1 2>/dev/null)" ] || { echo "expected nothing in $1: $(ls $1)" >&2; exit 1; }; }
        generate() { expect $1 rollbook-generate --buffer $B --step 0 --model latest --prompts \(Scratch.prompts) \\
          --prompts-per-step 32 --group-size 16 --max-new-tokens 16 --seed 1; }
        score() { expect $1 rollbook-score --buffer $B --step 0 --reward sort-positions=1; }
        train() { expect $1 rollbook-train --buffer $B --step 0 --on-policy --lr 1e-3; }
        expect 0 rollbook-train --buffer $B --step 0 --init \(Scratch.example)/config.json --seed 1

        """
      return try scratch.run("/usr/bin/env", ["unshare", "-rm", "/bin/bash", "-c", frame + commands])
    }

    private static let wholeStep = "generate 0; score 0; train 0; expect 0 rollbook verify $B --deep\n"
    private static let results = """
      cd $B; for f in shards/*/*.arrow checkpoints/*/*.safetensors; do echo "$f $(md5sum < $f)"; done

      """

    /// The lines of `results`.
    private func files(_ outcome: Outcome) -> [Substring] {
      outcome.output.split(separator: "\n").filter { $0.hasPrefix("shards/") || $0.hasPrefix("checkpoints/") }
    }

    @Test func fullDisk() throws {
      let undisturbed = try onSmallDisk(Self.wholeStep + Self.results).expect()
      #expect(files(undisturbed).count == 3 + 3)
      let disturbed = try onSmallDisk(
        """
        for room in 0 40960; do fill $room; generate 74; release; none $B/shards/rollouts; done
        generate 0
        fill 8192; score 74; release; none $B/shards/scores
        score 0
        for room in 0 20480 204800 819200; do
          fill $room; train 74; release
          none $B/checkpoints/step-000001; none $B/shards/updates
          expect 0 rollbook verify $B --deep
        done
        train 0
        fill 0; generate 0; score 0; train 0; release
        expect 0 rollbook verify $B --deep

        """ + Self.results
      ).expect(naming: "No space left on device", "free some space")
      // Where products depend on the batch, a shard that was resumed is another than one made in one go.
      if Matmul(pool: ThreadPool(threads: 2), precision: .native).isBatchInvariant {
        #expect(files(disturbed) == files(undisturbed))
      } else {
        #expect(files(disturbed).map { $0.prefix { $0 != " " } } == files(undisturbed).map { $0.prefix { $0 != " " } })
      }
    }

    @Test func readOnlyDisk() throws {
      try onSmallDisk(
        Self.wholeStep + """
          expect 0 rollbook ls $B
          mount -o remount,ro $DISK
          expect 74 rollbook-generate --buffer $B --step 1 --model latest --prompts \(Scratch.prompts) \\
            --prompts-per-step 4 --group-size 2 --max-new-tokens 4
          expect 74 rollbook-score --buffer $B --step 0 --scores other --reward sort-positions=1
          expect 74 rollbook-train --buffer $DISK/other --step 0 --init \(Scratch.example)/config.json
          generate 0; score 0; train 0
          expect 0 rollbook ls $B; expect 0 rollbook stats $B; expect 0 rollbook verify $B --deep
          """
      ).expect(naming: "Read-only file system")
    }
  }
}
