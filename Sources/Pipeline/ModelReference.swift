package import Formats
internal import Foundation

/// What people write for a model: `latest`, `step:3`, a Hugging Face folder or a `.gguf` file; with `/ema` behind a
/// checkpoint, the average of its weights.
package struct ModelReference {
  package let path: String
  /// The checkpoint's step; nil for a model from outside of the buffer.
  package let step: Int?

  /// Finds the model.
  ///
  /// - Parameter upTo: `latest` is the newest checkpoint that is not after this step, so that a step which is run
  ///   again finds the same one, unless `--keep-last` has removed it.
  /// - Throws: `missing` when there is no such checkpoint or file.
  package static func find(_ text: String, in buffer: Buffer, upTo step: Int) throws -> ModelReference {
    if text.hasSuffix("/ema"), !FileManager.default.fileExists(atPath: text) {
      let checkpoint = try find(String(text.dropLast(4)), in: buffer, upTo: step)
      guard ModelFiles.averaged("\(checkpoint.path)/ema") != nil else {
        throw RollbookError.missing(
          "\(checkpoint.path)/\(CheckpointWriter.averageName)", "expected averaged weights, found none",
          hint: "train with --ema to have them, or leave /ema out")
      }
      return ModelReference(path: "\(checkpoint.path)/ema", step: checkpoint.step)
    }
    if text == "latest" {
      let steps = try buffer.manifests(.checkpoint).map(\.step).filter { $0 <= step }
      guard let newest = steps.max() else {
        throw RollbookError.missing(
          buffer.checkpoints, "expected a checkpoint of step \(step) or before for 'latest', found none",
          hint: "give --model a folder or a .gguf file, or make one with `rollbook train --init config.json`")
      }
      if newest < step {
        Output.note("note: there is no checkpoint of step \(step); 'latest' is step \(newest)")
      }
      return ModelReference(path: buffer.checkpointFolder(step: newest), step: newest)
    }
    if text.hasPrefix("step:") {
      guard let wanted = Int(text.dropFirst(5)), wanted >= 0 else {
        throw RollbookError.usage("'\(text)': expected step:N with a number N, such as step:3")
      }
      guard try buffer.checkpoint(step: wanted) != nil else {
        throw RollbookError.missing(buffer.checkpointFolder(step: wanted), "expected a checkpoint, found none")
      }
      return ModelReference(path: buffer.checkpointFolder(step: wanted), step: wanted)
    }
    guard FileManager.default.fileExists(atPath: text) else {
      throw RollbookError.missing(
        text, "expected a model, found no such file or folder",
        hint: "a model is a Hugging Face folder, a .gguf file, 'latest' or 'step:N'")
    }
    return ModelReference(path: text, step: try stepOfCheckpoint(text, in: buffer))
  }

  /// The step of a path that spells out one of the buffer's own checkpoints.
  private static func stepOfCheckpoint(_ path: String, in buffer: Buffer) throws -> Int? {
    func real(_ path: String) -> String { URL(fileURLWithPath: path).resolvingSymlinksInPath().path }
    let folder = real(path)
    return try buffer.manifests(.checkpoint).map(\.step).first { real(buffer.checkpointFolder(step: $0)) == folder }
  }
}
