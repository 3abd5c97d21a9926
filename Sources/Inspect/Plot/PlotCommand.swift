package import ArgumentParser
import Formats
import Foundation
import Pipeline

/// `rollbook plot`: training curves, in the terminal or as pictures.
package struct PlotCommand: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "plot",
    abstract: "Draw training curves of one run or several: in the terminal, as SVG or as PNG.",
    discussion: """
      Metrics are those of metrics/metrics.jsonl, named as in TensorBoard: train/loss, score:main/pass_rate. A name \
      without its stage is looked for in train, then in the scores. Without --metric: reward, pass rate, KL to the \
      reference, entropy, gradient norm and response length, as far as they are recorded.

        rollbook plot runs/add
        rollbook plot runs/add --metric reward_mean --metric score:strict/pass_rate --smooth 5
        rollbook plot runs/seed-* --mean --output seeds.svg --output seeds.png
        rollbook plot runs/add --over-optimisation --proxy score:proxy/reward_mean --gold score:gold/reward_mean

      Values that are not finite are gaps.
      """)

  @Argument(help: ArgumentHelp("The runs' folders: seeds of one recipe, or runs to compare.", valueName: "buffer"))
  package var buffers: [String]

  @Option(
    name: .long, parsing: .singleValue,
    help: ArgumentHelp("A metric to draw; once for each, a panel each.", valueName: "name"))
  package var metric: [String] = []

  @Flag(help: "Draw the mean of the runs and one standard deviation to either side, not each run.")
  package var mean = false

  @Option(help: ArgumentHelp("Draw the mean of the last so many points instead of each.", valueName: "n"))
  package var smooth = 1

  @Option(
    name: .shortAndLong, parsing: .singleValue,
    help: ArgumentHelp("A file to write instead, .svg or .png; may be given twice.", valueName: "file"))
  package var output: [String] = []

  @Flag(help: "Draw a proxy reward and a gold reward over √KL to the reference, and mark where gold is highest.")
  package var overOptimisation = false

  @Option(help: ArgumentHelp("The reward that was trained for (with --over-optimisation).", valueName: "metric"))
  package var proxy: String?

  @Option(help: ArgumentHelp("The reward that is wanted (with --over-optimisation).", valueName: "metric"))
  package var gold: String?

  @Option(
    help: ArgumentHelp("The KL divergence to the reference (default: ref_kl_k3 or what there is).", valueName: "metric")
  )
  package var kl: String?

  @Flag(help: "Print the curves as one JSON object.")
  package var json = false

  /// Curves of a panel have letters, panels a place in memory.
  private static let limits = (runs: 52, metrics: 64)

  package init() {}

  package mutating func validate() throws {
    func require(_ holds: Bool, _ message: String) throws {
      if !holds { throw ValidationError(message) }
    }
    try require(!buffers.isEmpty, "expected the folder of a run")
    try require(smooth >= 1, "--smooth \(smooth): expected 1 or more")
    try require(metric.count <= Self.limits.metrics, "--metric: expected at most \(Self.limits.metrics)")
    let runs = Self.limits.runs / (overOptimisation ? 2 : 1)
    try require(mean || buffers.count <= runs, "\(buffers.count) runs: expected at most \(runs), or --mean")
    for file in output {
      try require(["svg", "png"].contains(Self.type(file)), "--output \(file): expected a name in .svg or .png")
    }
    if overOptimisation {
      try require(proxy != nil && gold != nil, "--over-optimisation needs --proxy METRIC and --gold METRIC")
      try require(!mean && metric.isEmpty, "--over-optimisation goes without --mean and --metric")
    } else {
      try require(proxy == nil && gold == nil && kl == nil, "--proxy, --gold and --kl need --over-optimisation")
    }
  }

  private static func type(_ file: String) -> String { URL(fileURLWithPath: file).pathExtension.lowercased() }

  package func run() throws {
    let data = try PlotData(
      buffers.map { RunMetrics(name: $0, lines: try Metrics(Buffer.open(path: $0, create: false)).lines()) })
    let figure = try figure(data)
    if json { try Output.print(Terminal.escapedJSON(figure.json().serialized())) }
    if !output.isEmpty {
      let scene = FigureScene.scene(figure)
      for file in output {
        try ExportFile.write(file) { try $0.write(Self.type(file) == "svg" ? Array(scene.svg().utf8) : scene.png()) }
        Output.note(Terminal.sanitize("\(file): \(scene.width) × \(scene.height)"))
      }
    } else if !json {
      let plot = TextPlot(
        width: Terminal.columns(STDOUT_FILENO), unicode: Terminal.showsUTF8, colours: Terminal.colours(STDOUT_FILENO))
      try Output.print(plot.rendered(figure), terminator: "")
    }
  }

  private func figure(_ data: PlotData) throws -> Figure {
    guard overOptimisation, let proxy, let gold else { return try data.curves(metric, mean: mean, smooth: smooth) }
    return try data.overOptimisation(proxy: proxy, gold: gold, divergence: kl, smooth: smooth)
  }
}
