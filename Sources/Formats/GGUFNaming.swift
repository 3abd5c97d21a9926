/// Tensor names: llama.cpp's in GGUF files, Hugging Face's everywhere else in Rollbook.
package enum GGUFNaming {
  /// The Hugging Face name of a tensor, for the architectures whose blocks look like Llama's.
  ///
  /// Nil for tensors that are no parameters: `rope_freqs.weight` and the rotary tables of old files.
  package static func huggingFace(_ name: String) -> String? {
    if let name = outside[name] { return name }
    if name.hasPrefix("rope_") || name.hasSuffix(".attn_rot_embd.weight") || name.hasSuffix(".rope_freqs.weight") {
      return nil
    }
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 4, parts[0] == "blk", let layer = Int(parts[1]), layer >= 0,
      let module = inside[String(parts[2])]
    else { return name }
    return "model.layers.\(layer).\(module).\(parts[3])"
  }

  private static let outside = [
    "token_embd.weight": "model.embed_tokens.weight",
    "output_norm.weight": "model.norm.weight",
    "output.weight": "lm_head.weight",
  ]

  private static let inside = [
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
  ]
}

/// A GGUF file's tensors under Hugging Face names and in Hugging Face's order of rows.
///
/// Files of architecture `llama` hold the rows of q and k for interleaved rotary pairs: inside a head, rows 2i and
/// 2i + 1 are Hugging Face's rows i and i + half. They are put back row by row while reading; nothing is copied whole.
package final class GGUFModelSource: TensorSource {
  package let gguf: GGUF
  package let tensors: [TensorInfo]
  /// Hugging Face name → GGUF name and, where rows are interleaved, the size of a head.
  private let places: [String: (index: Int, stored: String, interleavedHead: Int?)]

  /// - Parameter headDimension: Rows of a head.
  /// - Throws: `RollbookError` `badInput` if two tensors get the same name, or q and k are no whole heads.
  package init(_ gguf: GGUF, interleaved: Bool, headDimension: Int) throws {
    var tensors: [TensorInfo] = []
    var places: [String: (index: Int, stored: String, interleavedHead: Int?)] = [:]
    for stored in gguf.tensors {
      guard let name = GGUFNaming.huggingFace(stored.name) else { continue }
      let rotary = interleaved && (name.contains(".self_attn.q_proj.") || name.contains(".self_attn.k_proj."))
      if rotary && (headDimension < 2 || headDimension % 2 != 0 || stored.rowCount % headDimension != 0) {
        throw RollbookError.badInput(
          gguf.path,
          "tensor '\(stored.name)' has \(stored.rowCount) rows, not a multiple of the head size \(headDimension)")
      }
      let place = (tensors.count, stored.name, rotary ? headDimension : nil)
      guard places.updateValue(place, forKey: name) == nil else {
        throw RollbookError.badInput(gguf.path, "two tensors are called '\(name)' in Hugging Face's words")
      }
      var info = stored
      info.name = name
      tensors.append(info)
    }
    self.gguf = gguf
    self.tensors = tensors
    self.places = places
  }

  package func info(_ name: String) -> TensorInfo? {
    places[name].map { tensors[$0.index] }
  }

  package func read(_ name: String, rows: Range<Int>, into target: UnsafeMutableBufferPointer<Float>) throws {
    guard let place = places[name] else {
      throw RollbookError.missing(
        gguf.path, "expected a tensor '\(name)', found none that maps to this name",
        hint: "the file may be of an architecture or a converter that Rollbook does not know")
    }
    let width = tensors[place.index].rowElements
    guard let head = place.interleavedHead, rows.lowerBound >= 0, rows.upperBound <= tensors[place.index].rowCount,
      rows.count * width == target.count
    else { return try gguf.read(place.stored, rows: rows, into: target) }
    for (index, row) in rows.enumerated() {
      let inHead = row % head
      let half = head / 2
      let stored = row - inHead + (inHead < half ? 2 * inHead : 2 * (inHead - half) + 1)
      try gguf.read(
        place.stored, rows: stored..<stored + 1,
        into: UnsafeMutableBufferPointer(rebasing: target[index * width..<(index + 1) * width]))
    }
  }
}
