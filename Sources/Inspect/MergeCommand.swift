package import ArgumentParser
import Formats
import Foundation
import Pipeline
import Tokenizer

/// `rollbook merge`: a checkpoint with an adapter as a plain Hugging Face folder.
package struct MergeCommand: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "merge",
    abstract: "Write a checkpoint with an adapter as a Hugging Face folder without one.",
    discussion: """
      The adapter is added to the weights, W + alpha/rank · B A, so that programs which know nothing of adapters \
      take the folder. What it samples is the checkpoint's policy up to rounding, not to the bit. The folder appears \
      when it is complete.

        rollbook merge runs/add/checkpoints/step-000020 --output merged
        rollbook merge runs/add/checkpoints/step-000020 --output merged-bf16 --dtype bfloat16
      """)

  @Argument(
    help: ArgumentHelp(
      "The checkpoint's folder, or any that PEFT wrote; with /ema behind it, its average.", valueName: "checkpoint"))
  package var checkpoint: String

  @Option(help: ArgumentHelp("The folder to write; it must not be there yet.", valueName: "folder"))
  package var output: String

  @Option(help: ArgumentHelp("Where the adapter's model is, if it was moved.", valueName: "model"))
  package var base: String?

  @Option(help: ArgumentHelp("How the weights are stored: float32, bfloat16 or float16.", valueName: "type"))
  package var dtype = ConvertCommand.Precision.float32

  @Flag(help: "Print one JSON object instead of text for people.")
  package var json = false

  package init() {}

  package func run() throws {
    Interrupt.install()
    let files = try ModelFiles.open(path: checkpoint, base: base)
    guard files.adapter != nil else {
      throw RollbookError.usage(
        "\(checkpoint): there is no adapter to merge", hint: "it is a whole model already and can be used as it is")
    }
    let writer = try FolderWriter(output)
    for file in try Tokenizer.load(files).files() { try writer.writeFile(file.name, file.bytes) }
    let count = try files.merged().write(to: writer, type: dtype.type) {
      if Interrupt.requested { throw Interrupt.error("nothing was written") }
    }
    try writer.publish()
    let summary: JSON = [
      "stage": "merge", "folder": .string(writer.target), "parameters": .int(count), "dtype": .string(dtype.rawValue)
    ]
    if json { return try Output.print(Terminal.escapedJSON(summary.serialized())) }
    try Output.print(
      Terminal.sanitizeLine("\(writer.target): \(count) parameters in \(dtype.rawValue), adapter merged"))
  }
}
