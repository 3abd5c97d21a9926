import Foundation

/// A GGUF file of a small random model with a byte-level tokenizer and a chat template, as a user's would be.
struct TinyGGUF {
  private var metadata: [UInt8] = []
  private var values = 0
  private var tensors: [(name: String, shape: [Int])] = []
  private var state: UInt64 = 7

  static let hidden = 16, vocabulary = 260

  /// - Parameter architecture: llama or qwen2.
  init(architecture: String) {
    set("general.architecture", architecture)
    for (key, value) in [
      ("context_length", 128), ("embedding_length", Self.hidden), ("block_count", 2), ("feed_forward_length", 24),
      ("attention.head_count", 2), ("attention.head_count_kv", 1),
    ] { set("\(architecture).\(key)", UInt32(value)) }
    set("\(architecture).attention.layer_norm_rms_epsilon", Float(1e-5))
    set("\(architecture).rope.freq_base", Float(10_000))
    setTokenizer()
    tensors.append(("token_embd.weight", [Self.vocabulary, Self.hidden]))
    for block in ["blk.0.", "blk.1."] {
      for (name, shape) in [
        ("attn_norm", [16]), ("attn_q", [16, 16]), ("attn_k", [8, 16]), ("attn_v", [8, 16]),
        ("attn_output", [16, 16]), ("ffn_norm", [16]), ("ffn_gate", [24, 16]), ("ffn_up", [24, 16]),
        ("ffn_down", [16, 24]),
      ] { tensors.append(("\(block)\(name).weight", shape)) }
      guard architecture == "qwen2" else { continue }
      for (name, count) in [("q", 16), ("k", 8), ("v", 8)] { tensors.append(("\(block)attn_\(name).bias", [count])) }
    }
    tensors.append(("output_norm.weight", [Self.hidden]))
  }

  /// 256 bytes as GPT-2 spells them, one merge, and three control tokens.
  private mutating func setTokenizer() {
    let printable = Array(33...126) + Array(161...172) + Array(174...255)
    let others = (0...255).filter { !printable.contains($0) }
    let scalars = printable + others.indices.map { 256 + $0 }
    let bytes = scalars.map { String(Character(Unicode.Scalar(UInt32($0))!)) }
    let tokens = bytes + ["12", "<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    set("tokenizer.ggml.model", "gpt2")
    set("tokenizer.ggml.pre", "gpt-2")
    append("tokenizer.ggml.tokens", type: 9, little(UInt32(8)) + little(UInt64(tokens.count)) + tokens.flatMap(text))
    let types = [Int32](repeating: 1, count: 257) + [3, 3, 3]
    append(
      "tokenizer.ggml.token_type", type: 9, little(UInt32(5)) + little(UInt64(types.count)) + types.flatMap(little))
    append("tokenizer.ggml.merges", type: 9, little(UInt32(8)) + little(UInt64(1)) + text("1 2"))
    set("tokenizer.ggml.bos_token_id", UInt32(258))
    set("tokenizer.ggml.eos_token_id", UInt32(259))
    set("tokenizer.ggml.padding_token_id", UInt32(257))
    set(
      "tokenizer.chat_template",
      "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
        + "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}")
  }

  private func little(_ value: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian) { Array($0) }
  }
  private func text(_ string: String) -> [UInt8] { little(UInt64(string.utf8.count)) + Array(string.utf8) }

  private mutating func append(_ key: String, type: UInt32, _ bytes: [UInt8]) {
    metadata += text(key) + little(type) + bytes
    values += 1
  }

  private mutating func set(_ key: String, _ value: UInt32) { append(key, type: 4, little(value)) }
  private mutating func set(_ key: String, _ value: Float) { append(key, type: 6, little(value.bitPattern)) }
  private mutating func set(_ key: String, _ value: String) { append(key, type: 8, text(value)) }

  /// Adds a tensor that no model has.
  mutating func addStranger(_ name: String) { tensors.append((name, [4])) }

  private mutating func next() -> Float {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Float(Int32(truncatingIfNeeded: state >> 33)) * 0x1p-31
  }

  mutating func bytes() -> [UInt8] {
    var file = Array("GGUF".utf8) + little(UInt32(3)) + little(UInt64(tensors.count)) + little(UInt64(values))
    file += metadata
    var data: [UInt8] = []
    for (name, shape) in tensors {
      file += text(name) + little(UInt32(shape.count)) + shape.reversed().flatMap { little(UInt64($0)) }
      file += little(UInt32(0)) + little(UInt64(data.count))
      for _ in 0..<shape.reduce(1, *) { data += little((name.contains("norm") ? 1 : 0.6 * next()).bitPattern) }
      data += [UInt8](repeating: 0, count: (32 - data.count % 32) % 32)
    }
    return file + [UInt8](repeating: 0, count: (32 - file.count % 32) % 32) + data
  }
}
