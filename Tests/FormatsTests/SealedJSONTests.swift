import Formats
import Testing

@Suite struct SealedJSONTests {
  private let object: JSONObject = ["version": 1, "text": "é \"checksum\"", "list": [1, 2.5, .null]]

  @Test func whatWasSealedComesBackWithItsChecksumLast() throws {
    let text = try SealedJSON.text(object)
    let json = try SealedJSON.parse(Array(text.utf8), source: "m")
    var back = try #require(json.object)
    #expect(back.keys.last == "checksum")
    let checksum = try #require(back["checksum"]?.string)
    back["checksum"] = nil
    #expect(back == object)
    // As anybody can compute it.
    let blank = text.replacing(checksum, with: Digest.prefix + String(repeating: "0", count: 32))
    #expect(Digest.xxh3(blank) == checksum)
    // Sealing again changes nothing.
    #expect(try SealedJSON.text(json.object ?? [:]) == text)
  }

  @Test func everyFlippedBitIsFound() throws {
    var bytes = Array(try SealedJSON.text(object).utf8)
    for index in bytes.indices {
      for bit in 0..<8 {
        bytes[index] ^= 1 << UInt8(bit)
        let error = rollbookError({ _ = try SealedJSON.parse(bytes, source: "a/m.json") }, "byte \(index), bit \(bit)")
        bytes[index] ^= 1 << UInt8(bit)
        #expect(error?.code == .badInput && error?.place == "a/m.json", "byte \(index), bit \(bit)")
        #expect(error?.hint?.contains("changed by hand or is damaged") == true)
      }
    }
    _ = try SealedJSON.parse(bytes, source: "m")
  }

  @Test func everyTruncationAndAdditionIsFound() throws {
    let bytes = Array(try SealedJSON.text(object).utf8)
    for count in bytes.indices {
      #expect(rollbookError({ _ = try SealedJSON.parse(Array(bytes[..<count]), source: "m") })?.code == .badInput)
    }
    for extra in [" ", "\n", "\u{0}", "{}"] {
      #expect(rollbookError({ _ = try SealedJSON.parse(bytes + Array(extra.utf8), source: "m") })?.code == .badInput)
      #expect(rollbookError({ _ = try SealedJSON.parse(Array(extra.utf8) + bytes, source: "m") })?.code == .badInput)
    }
  }

  @Test func anObjectWithoutChecksumIsRefused() throws {
    for text in ["", "{}", "{\n}\n", try JSON.object(object).serialized(pretty: true) + "\n"] {
      let error = rollbookError { _ = try SealedJSON.parse(Array(text.utf8), source: "m") }
      #expect(error?.message.contains("checksum") == true)
    }
  }

  @Test func filesAreNamed() throws {
    let scratch = try ScratchFolder()
    let path = try scratch.file("m.json", Array(SealedJSON.text(object).utf8))
    _ = try SealedJSON.read(path)
    #expect(rollbookError { _ = try SealedJSON.read(path + "x") }?.code == .missing)
    let empty = try scratch.file("empty.json", [])
    #expect(rollbookError { _ = try SealedJSON.read(empty) }?.place == empty)
  }
}
