package import Formats
import Pipeline
package import Tokenizer

extension RolloutView {
  /// One line a response token; columns of training only when an update shard has the rollout.
  package func tokenTable(_ tokenizer: Tokenizer?) -> String {
    var columns: [(title: String, alignment: Table.Alignment)] = [("#", .right), ("id", .right)]
    if tokenizer != nil { columns.append(("text", .left)) }
    if rollout.logprobs != nil { columns.append(("logprob", .right)) }
    if rollout.responseMask != nil { columns.append(("trains", .left)) }
    let update = matchingUpdate
    if let update {
      columns += [("advantage", .right), ("old", .right)]
      if update.referenceLogprobs != nil { columns.append(("reference", .right)) }
      columns += [("ratio", .right), ("clip", .left)]
    }
    var table = Table(columns)
    for (place, id) in rollout.responseTokens.enumerated() {
      var cells = [String(place), String(id)]
      if let tokenizer { cells.append(Self.piece(tokenizer.bytes(of: id))) }
      if let logprobs = rollout.logprobs { cells.append(Self.number(logprobs[place])) }
      if let mask = rollout.responseMask { cells.append(mask[place] ? "" : "no") }
      if let update {
        cells += [Self.number(update.advantages[place]), Self.number(update.oldLogprobs[place])]
        if let reference = update.referenceLogprobs { cells.append(Self.number(reference[place])) }
        cells += [Self.number(update.ratios[place], 6), ["low", "", "high"][Int(update.clips[place].signum()) + 1]]
      }
      table.append(cells)
    }
    return table.rendered()
  }

  /// The update, unless it is of another length than the response: then its tokens cannot be told apart.
  private var matchingUpdate: UpdateRow? {
    update.flatMap { $0.logprobs.count == rollout.responseTokens.count ? $0 : nil }
  }

  private static func number(_ value: Float, _ places: Int = 4) -> String { Format.decimal(Double(value), places) }

  /// A token's bytes in quotes: what cannot be printed, or is only part of a character, as `\n`, `\t`, `\xHH`.
  package static func piece(_ bytes: [UInt8]) -> String {
    guard let text = String(validating: bytes, as: UTF8.self) else { return "\"" + escaped(bytes) + "\"" }
    var piece = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\n": piece += "\\n"
      case "\t": piece += "\\t"
      case "\r": piece += "\\r"
      case "\"": piece += "\\\""
      case "\\": piece += "\\\\"
      default:
        let safe = Terminal.sanitize(String(scalar))
        piece += safe.isEmpty ? escaped(Array(String(scalar).utf8)) : safe
      }
    }
    return "\"\(piece)\""
  }

  private static func escaped(_ bytes: [UInt8]) -> String {
    bytes.map { (0x20..<0x7F).contains($0) && $0 != 0x5C ? String(UnicodeScalar($0)) : "\\x" + Digest.hex([$0]) }
      .joined()
  }

  /// All of it as data. `messages` and `meta` as the values that they are, not as text.
  package func json(tokens: Bool, _ tokenizer: Tokenizer?) -> JSON {
    var object: JSONObject = [
      "id": .string(record.hexID), "address": .string(record.address), "step": .int(rollout.step),
      "prompt_id": .string(rollout.promptID), "sample": .int(rollout.sample), "group": .int(rollout.group),
      "kind": .string(rollout.kind), "task": Self.string(rollout.task), "policy": .string(rollout.policy),
      "policy_step": rollout.policyStep.map { .int($0) } ?? .null, "seed": .int(rollout.seed),
      "finish_reason": .string(rollout.finishReason.rawValue), "messages": Self.value(rollout.messages),
      "prompt": .string(rollout.promptText), "response": .string(rollout.responseText),
      "answer": Self.string(rollout.answer), "meta": Self.value(rollout.meta),
      "prompt_tokens": .int(rollout.promptTokens.count), "response_tokens": .int(rollout.responseTokens.count),
      "shard": .string(record.shard), "batch": .int(record.batch), "row": .int(record.row),
    ]
    var sets = JSONObject()
    for (record, row) in scores {
      let components = JSONObject(record.components.map { ($0.name, .finite($0.value)) })
      sets[record.set] = [
        "reward": .finite(row.reward), "components": .object(components), "extracted": Self.string(row.extracted),
      ]
    }
    object["scores"] = .object(sets)
    if tokens { object["tokens"] = .array(rollout.responseTokens.indices.map { token($0, tokenizer) }) }
    return .object(object)
  }

  private func token(_ place: Int, _ tokenizer: Tokenizer?) -> JSON {
    let id = rollout.responseTokens[place]
    var object: JSONObject = ["id": .int(Int(id))]
    if let tokenizer { object["text"] = .string(String(decoding: tokenizer.bytes(of: id), as: UTF8.self)) }
    if let logprobs = rollout.logprobs { object["logprob"] = .finite(Double(logprobs[place])) }
    if let mask = rollout.responseMask { object["trains"] = .bool(mask[place]) }
    if let update = matchingUpdate {
      object["advantage"] = .finite(Double(update.advantages[place]))
      object["weight"] = .finite(Double(update.weights[place]))
      object["old_logprob"] = .finite(Double(update.oldLogprobs[place]))
      if let reference = update.referenceLogprobs { object["reference_logprob"] = .finite(Double(reference[place])) }
      object["new_logprob"] = .finite(Double(update.logprobs[place]))
      object["ratio"] = .finite(Double(update.ratios[place]))
      object["clip"] = .int(Int(update.clips[place]))
    }
    return .object(object)
  }

  private static func string(_ text: String?) -> JSON { text.map { .string($0) } ?? .null }

  /// Stored JSON as a value; text that is not JSON stays text.
  private static func value(_ text: String?) -> JSON {
    text.map { (try? JSON.parse($0)) ?? .string($0) } ?? .null
  }
}
