import Formats
import Foundation
import Pipeline
import Tokenizer

/// Texts as tokens, as `generate` makes them: prompts by the chat template, responses up to their end token.
final class ImportTokens {
  let tokenizer: Tokenizer
  /// Where it is, when the person named it.
  let path: String?
  private var last: (prompt: ExchangePrompt, text: String, tokens: [Int32])?

  init(_ tokenizer: Tokenizer, path: String? = nil) { (self.tokenizer, self.path) = (tokenizer, path) }

  /// The tokenizer of `reference`, or else the one that the buffer's tokens belong to.
  ///
  /// - Throws: `missing` when there is none, `badInput` when the buffer is bound to another.
  static func find(_ reference: String?, _ buffer: Buffer, step: Int?) throws -> ImportTokens {
    if let reference {
      let path = try ModelReference.find(reference, in: buffer, upTo: step ?? .max).path
      let tokenizer =
        path.hasSuffix(".gguf") ? try Tokenizer(gguf: GGUF(path: path)) : try Tokenizer.load(folder: path)
      return ImportTokens(tokenizer, path: path)
    }
    // The newest shards name where their tokenizer was.
    let shards = try buffer.manifestPaths(.rollouts).suffix(16).reversed().map { $0.replacing(".json", with: ".arrow") }
    var reason = ""
    for shard in shards.isEmpty ? [""] : shards {
      let found = BufferTokenizer.find(buffer, shard: shard)
      if let tokenizer = found.tokenizer { return ImportTokens(tokenizer) }
      if reason.isEmpty { reason = found.reason }
    }
    throw RollbookError.missing(
      buffer.root, "expected a tokenizer for the rows' texts, found none: \(reason)",
      hint: "give --model a folder with tokenizer.json, or a .gguf file")
  }

  /// Names the model in a manifest, where the next import looks for it.
  var model: Manifest.Input? {
    path.map { Manifest.Input(role: "model", name: $0, digest: tokenizer.digest) }
  }

  /// What decides the tokens besides the tokenizer itself.
  var inputs: [Manifest.Input] {
    let ends = tokenizer.eosIDs.sorted().map(String.init).joined(separator: " ")
    return [
      Manifest.Input(role: "end tokens", name: ends, digest: Digest.xxh3(ends)),
      Manifest.Input(
        role: "chat template", name: "chat template", digest: Digest.xxh3(tokenizer.chatTemplate?.text ?? "")),
    ]
  }

  func prompt(_ prompt: ExchangePrompt, place: String) throws -> (text: String, tokens: [Int32]) {
    if let last, last.prompt == prompt { return (last.text, last.tokens) }
    let text: String
    let tokens: [Int32]
    switch prompt {
    case .text(let given):
      text = given
      tokens = tokenizer.encode(text, addSpecialTokens: true)
    case .messages(let messages):
      do {
        // Without a date: what is imported must not depend on the day.
        text = try tokenizer.render(ChatTemplate.Input(messages: messages.map(\.json))).text
      } catch let error as RollbookError {
        throw RollbookError.badInput(place, "the prompt cannot be rendered: \(error.message)", hint: error.hint)
      }
      tokens = tokenizer.encode(text, addSpecialTokens: false)
    }
    last = (prompt, text, tokens)
    return (text, tokens)
  }

  /// The text without its end token, and the tokens: with the end token unless the response was cut off.
  func response(_ response: ExchangeResponse, place: String) throws -> (text: String, tokens: [Int32]) {
    var tokens = tokenizer.encode(response.text, addSpecialTokens: false)
    guard response.finish == .stop else { return (response.text, tokens) }
    if let last = tokens.last, tokenizer.eosIDs.contains(last), let spelling = tokenizer.spelling(of: last),
      response.text.utf8.suffix(spelling.utf8.count).elementsEqual(spelling.utf8),
      let shown = String(response.text.utf8.dropLast(spelling.utf8.count))
    {
      return (shown, tokens)
    }
    guard let end = tokenizer.eosID ?? tokenizer.eosIDs.min() else {
      throw RollbookError.badInput(place, "expected a tokenizer that names an end token, found none")
    }
    tokens.append(end)
    return (response.text, tokens)
  }
}
