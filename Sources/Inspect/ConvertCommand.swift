package import ArgumentParser
import Formats
import Foundation
import Pipeline
import Tokenizer

/// `rollbook convert`: a GGUF file as a Hugging Face folder.
package struct ConvertCommand: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "convert",
    abstract: "Write a GGUF file as a Hugging Face folder.",
    discussion: """
      Weights are dequantised; in float32, the default, they are what Rollbook computes with when it reads the GGUF \
      file itself. The folder holds config.json, generation_config.json, model.safetensors, tokenizer.json and \
      tokenizer_config.json with the chat template, as transformers reads them. It appears when it is complete.

        rollbook convert smollm2.gguf smollm2
        rollbook convert smollm2.gguf smollm2-bf16 --dtype bfloat16
      """)

  package enum Precision: String, ExpressibleByArgument, CaseIterable {
    case float32, bfloat16, float16

    var type: TensorType {
      switch self {
      case .float32: .f32
      case .bfloat16: .bf16
      case .float16: .f16
      }
    }
  }

  @Argument(help: ArgumentHelp("A GGUF file.", valueName: "model.gguf"))
  package var model: String

  @Argument(help: ArgumentHelp("The folder to write; it must not be there yet.", valueName: "folder"))
  package var folder: String

  @Option(help: ArgumentHelp("How the weights are stored: float32, bfloat16 or float16.", valueName: "type"))
  package var dtype = Precision.float32

  @Flag(help: "Print one JSON object instead of text for people.")
  package var json = false

  package init() {}

  package func run() throws {
    Interrupt.install()
    let files = try ModelFiles.open(path: model)
    guard let gguf = files.gguf else {
      throw RollbookError.badInput(model, "expected a .gguf file, found a folder", hint: "give the GGUF file itself")
    }
    let writer = try FolderWriter(folder)
    // Weights without a tokenizer are of use too; a tokenizer that cannot be read is an error.
    let hasTokenizer = gguf.metadata["tokenizer.ggml.model"] != nil
    if hasTokenizer {
      for file in try Tokenizer.load(files).files() { try writer.writeFile(file.name, file.bytes) }
    }
    let count = try files.write(to: writer, type: dtype.type) {
      if Interrupt.requested { throw Interrupt.error("nothing was written") }
    }
    try writer.publish()
    if !hasTokenizer { Output.note(Terminal.sanitize("warning: \(model) holds no tokenizer, nor does the folder")) }
    let summary: JSON = [
      "stage": "convert", "folder": .string(writer.target), "parameters": .int(count), "dtype": .string(dtype.rawValue),
      "tokenizer": .bool(hasTokenizer),
    ]
    if json { return try Output.print(Terminal.escapedJSON(summary.serialized())) }
    try Output.print(
      Terminal.sanitizeLine(
        "\(writer.target): \(count) parameters in \(dtype.rawValue)\(hasTokenizer ? ", with the tokenizer" : "")"))
  }
}
