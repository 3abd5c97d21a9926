import Pipeline
import Testing

@Suite("Progress")
struct ProgressTests {
  /// A clock set by hand and the text that was written.
  private final class World {
    var time = 0.0
    var columns = 80
    var text = ""

    func surroundings() -> Progress.Surroundings {
      var result = Progress.Surroundings()
      result.steady = { self.time }
      result.now = { 1_700_000_000 + self.time }
      result.columns = { self.columns }
      result.colours = false
      result.unicode = false
      result.write = { self.text += $0 }
      return result
    }
  }

  @Test func aLineAtMostEveryThirtySecondsAndALastOne() {
    let world = World()
    var progress = Progress(
      "generate", step: 3, total: 100, unit: "rollouts", style: .lines, surroundings: world.surroundings())
    for second in 1...70 {
      world.time = Double(second)
      progress.update(second, [("tok/s", "12 k")])
    }
    progress.update(100)
    progress.finish([("tokens", "7")])
    progress.finish()
    #expect(
      world.text == """
        2023-11-14T22:13:50Z stage=generate step=3 state=running done=30 total=100 unit=rollouts rate=1.00 eta=70 \
        elapsed=30.0 tok/s="12 k"
        2023-11-14T22:14:20Z stage=generate step=3 state=running done=60 total=100 unit=rollouts rate=1.00 eta=40 \
        elapsed=60.0 tok/s="12 k"
        2023-11-14T22:14:30Z stage=generate step=3 state=done done=100 total=100 unit=rollouts rate=1.43 elapsed=70.0 \
        tokens=7

        """)
  }

  @Test func theLastLineSaysThatAStageStoppedEarly() {
    let world = World()
    var progress = Progress(
      "train", step: nil, total: 8, unit: "batches", done: 2, style: .lines, surroundings: world.surroundings())
    world.time = 2
    progress.update(4)
    progress.finish()
    #expect(
      world.text
        == "2023-11-14T22:13:22Z stage=train state=stopped done=4 total=8 unit=batches rate=1.00 elapsed=2.0\n")
  }

  @Test func quietIsSilent() {
    let world = World()
    var progress = Progress(
      "score", step: 1, total: 2, unit: "rows", style: .silent, surroundings: world.surroundings())
    world.time = 100
    progress.update(1)
    progress.note("hello")
    progress.finish()
    #expect(world.text.isEmpty)
  }

  @Test func theBarFitsTheTerminal() {
    for columns in [20, 40, 60, 80, 200] {
      let world = World()
      world.columns = columns
      var progress = Progress(
        "generate", step: 3, total: 64, unit: "rollouts", style: .bar, surroundings: world.surroundings())
      for done in 1...64 {
        world.time += 1
        progress.update(done, [("tok/s", "310")])
      }
      progress.finish()
      let drawings = world.text.replacing("\u{1B}[K", with: "").split(whereSeparator: { $0 == "\r" || $0 == "\n" })
      #expect(drawings.count == 65)
      #expect(drawings.allSatisfy { Terminal.width(of: String($0)) < columns })
      #expect(world.text.hasSuffix("\n"))
    }
  }

  @Test func theBarShowsShareRateAndTimeLeft() {
    let world = World()
    var progress = Progress(
      "generate", step: 3, total: 64, unit: "rollouts", style: .bar, surroundings: world.surroundings())
    world.time = 16
    progress.update(32)
    #expect(
      world.text == "\rgenerate 3  ##############--------------  32/64 rollouts  50%  2.00/s  ETA 0:16\u{1B}[K")
  }

  @Test func aNoteClearsTheBarFirst() {
    let world = World()
    var progress = Progress("score", step: 0, total: 4, unit: "rows", style: .bar, surroundings: world.surroundings())
    progress.update(1)
    world.text = ""
    progress.note("a \u{1B}[2Jnote")
    #expect(world.text.hasPrefix("\r\u{1B}[Ka note\n\rscore 0"))
  }
}
