package import Formats
import Foundation
package import Tokenizer

/// The tokenizer whose ids a buffer's shards hold, from wherever it can be had.
package enum BufferTokenizer {
  /// Looks in the buffer's newest checkpoint, then where the generate stage found its model.
  ///
  /// Only a tokenizer with the digest that the buffer is bound to will do: another would print other text.
  /// - Parameter shard: A rollout shard, relative to the buffer, whose manifest says where the model was.
  /// - Returns: Nil with the reason when there is none.
  package static func find(_ buffer: Buffer, shard: String) -> (tokenizer: Tokenizer?, reason: String) {
    let bound = (try? buffer.tokenizer()) ?? nil
    var reasons: [String] = []
    for path in candidates(buffer, shard) {
      do {
        let tokenizer = try load(path)
        if bound == nil || bound == tokenizer.digest { return (tokenizer, "") }
        reasons.append("\(path) has another tokenizer than this buffer")
      } catch {
        reasons.append("\(error)")
      }
    }
    return (nil, reasons.first ?? "neither a checkpoint nor the model of 'generate' is at hand")
  }

  private static func load(_ path: String) throws -> Tokenizer {
    path.hasSuffix(".gguf") ? try Tokenizer(gguf: GGUF(path: path)) : try Tokenizer.load(folder: path)
  }

  /// Paths that exist, best first.
  private static func candidates(_ buffer: Buffer, _ shard: String) -> [String] {
    var paths: [String] = []
    if let checkpoint = (try? buffer.latestCheckpoint()) ?? nil { paths.append(buffer.path(of: checkpoint)) }
    let name = shard.split(separator: "/").last.map(String.init) ?? shard
    if let manifest = try? Manifest.read(buffer.manifestPath(.rollouts, name: name)) {
      let named = manifest.inputs.filter { $0.role == "policy" || $0.role == "model" }.map(\.name)
      for path in [manifest.action.parameters["model"]].compactMap(\.self) + named {
        paths += ["\(buffer.root)/\(path)", path]
      }
    }
    return paths.filter { path in
      path.hasSuffix(".gguf")
        ? FileManager.default.fileExists(atPath: path)
        : FileManager.default.fileExists(atPath: "\(path)/tokenizer.json")
    }
  }
}
