import Formats

extension TokenizerDefinition {
  /// XXH3-128 of a canonical form: the tokens by id, the merges by rank, the added tokens by id, and the parts around
  /// the model as JSON with sorted keys. Numbers are 32-bit little-endian; strings have their length in front.
  func digest() throws -> String {
    var form = CanonicalForm()
    form.append("rollbook tokenizer 1")
    form.append(spellings.count)
    for id in 0..<spellings.count { form.append(spellings[id]) }
    form.append(merges.count)
    for merge in merges {
      form.append(Int(merge.left))
      form.append(Int(merge.right))
      form.append(Int(merge.result))
    }
    form.append(addedTokens.count)
    for token in addedTokens {
      form.append(Int(token.id))
      form.append(token.content)
      let flags = [token.isSingleWord, token.stripsLeft, token.stripsRight, token.isNormalized, token.isSpecial]
      form.append(flags.reduce(0) { $0 * 2 + ($1 ? 1 : 0) })
    }
    for part in [normalizer.json, preTokenizer.json, decoder.json, postProcessorJSON, modelFlags] {
      form.append(try part.serialized(sortedKeys: true))
    }
    return Digest.xxh3(form.bytes)
  }

  private var modelFlags: JSON {
    [
      "unknown": unknownID.map { .int(Int($0)) } ?? .null, "fuse": .bool(fusesUnknown),
      "byte_fallback": .bool(byteFallback), "ignore_merges": .bool(ignoresMerges),
    ]
  }
}

private struct CanonicalForm {
  var bytes: [UInt8] = []

  mutating func append(_ number: Int) {
    withUnsafeBytes(of: UInt32(truncatingIfNeeded: number).littleEndian) { bytes.append(contentsOf: $0) }
  }

  mutating func append(_ string: some Collection<UInt8>) {
    append(string.count)
    bytes.append(contentsOf: string)
  }

  mutating func append(_ string: String) { append(Array(string.utf8)) }
}
