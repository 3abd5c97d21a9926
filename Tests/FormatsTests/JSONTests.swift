import Formats
import Foundation
import TestSupport
import Testing

@Suite struct JSONTests {
  static let validTexts: [(String, JSON)] = [
    ("null", JSON.null), (" true ", true), ("false", false), ("0", 0), ("-0", .double(-0.0)), ("-12", -12),
    ("9223372036854775807", .int(.max)), ("-9223372036854775808", .int(.min)),
    ("9223372036854775808", 9_223_372_036_854_775_808.0), ("1000000000000000019884624838656", 1e30),
    ("1.0", 1.0), ("8e0", 8.0), ("1E+2", 100.0), ("-1.5e-3", -0.0015), ("5e-324", .double(.leastNonzeroMagnitude)),
    ("1e-400", 0.0),
    (#""""#, ""), (#""a""#, "a"), (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{C}\n\r\t"), (#""héllo 你好 🦊""#, "héllo 你好 🦊"),
    (#""\u00e9\u4F60\u0000""#, "é你\0"), (#""\ud83e\udd8a!""#, "🦊!"),
    (#""\ud83e""#, "\u{FFFD}"), (#""\udd8a\ud83e""#, "\u{FFFD}\u{FFFD}"), (#""\ud83e\ud83e\udd8a""#, "\u{FFFD}🦊"),
    (#""\ud83e\n""#, "\u{FFFD}\n"), (#""\ud83ex""#, "\u{FFFD}x"), (#""\ud83e\u0041""#, "\u{FFFD}A"),
    ("[]", []), ("[ 1 ,[ ] , {} ]", [1, [], [:]]), (#"{"a":{"b":[null]}}"#, ["a": ["b": [.null]]]),
    ("\u{FEFF}[1]", [1]), ("\r\n\t {\n}\n", [:]),
  ]

  @Test(arguments: validTexts)
  func valid(text: String, value: JSON) throws {
    let parsed = try JSON.parse(text)
    #expect(parsed == value)
    if case .double(let expected) = value, case .double(let found) = parsed {
      #expect(found.bitPattern == expected.bitPattern)
    }
  }

  /// Text, and the line and column of the error.
  static let invalidTexts: [(String, Int, Int)] = [
    ("", 1, 1), ("  ", 1, 3), ("nul", 1, 1), ("nulll", 1, 5), ("tru e", 1, 1), ("[1,]", 1, 4), ("[1 2]", 1, 4),
    ("[", 1, 2), ("{", 1, 2), ("{\"a\"}", 1, 5), ("{\"a\":}", 1, 6), ("{\"a\":1,}", 1, 8), ("{a:1}", 1, 2),
    ("1 2", 1, 3), ("01", 1, 1), ("-", 1, 2), ("+1", 1, 1), (".5", 1, 1), ("1.", 1, 3), ("1e", 1, 3), ("1e+", 1, 4),
    ("0x10", 1, 2), ("1e999", 1, 1), ("NaN", 1, 1), ("Infinity", 1, 1), ("'a'", 1, 1), ("\"a", 1, 1),
    ("\"a\nb\"", 1, 3), ("\"\\x\"", 1, 3), ("\"\\u12g4\"", 1, 6), ("\"\\u12", 1, 6), ("\"\\", 1, 3), ("[1]]", 1, 4),
    ("{\n  \"é\": 1,\n  \"b\" 2\n}", 3, 7), ("[\n\"你\", x]", 2, 6), ("/* */ 1", 1, 1),
  ]

  @Test(arguments: invalidTexts)
  func invalid(text: String, line: Int, column: Int) {
    let error = rollbookError({ _ = try JSON.parse(text, source: "f.json") })
    #expect(error?.code == .badInput)
    #expect(error?.place == "f.json:\(line):\(column)")
    #expect(error?.message.isEmpty == false)
  }

  @Test(arguments: [[0xFF], [0xC3], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80]] as [[UInt8]])
  func invalidUTF8(bytes: [UInt8]) {
    let quote = UInt8(ascii: "\"")
    #expect(rollbookError({ _ = try JSON.parse([quote] + bytes + [quote]) })?.code == .badInput)
    #expect(rollbookError({ _ = try JSON.parse([quote] + Array(#"\n"#.utf8) + bytes + [quote]) })?.code == .badInput)
  }

  @Test func linesOfAFileCountOn() {
    #expect(rollbookError({ _ = try JSON.parse("[", source: "f.jsonl", firstLine: 17) })?.place == "f.jsonl:17:2")
  }

  @Test func depthIsCapped() throws {
    let deep = JSON.maximumDepth
    let sound = String(repeating: "[", count: deep) + String(repeating: "]", count: deep)
    _ = try JSON.parse(sound)
    #expect(rollbookError({ _ = try JSON.parse("[\(sound)]") })?.message.contains("\(deep)") == true)
    #expect(rollbookError({ _ = try JSON.parse(String(repeating: #"{"a":["#, count: 100_000)) }) != nil)
  }

  @Test(arguments: [3, 40])
  func objectsKeepOrderAndTheLastValueOfAKey(count: Int) throws {
    let keys = (0..<count).map { "k\(($0 * 7) % count)x\($0)" }
    let text = (keys + [keys[1]]).enumerated().map { #""\#($1)":\#($0)"# }.joined(separator: ",")
    let object = try #require(try JSON.parse("{\(text)}").object)
    #expect(object.keys == keys)
    #expect(object[keys[1]] == .int(count))
    #expect(object["none"] == nil)
  }

  /// Swift's strings are equal under canonical equivalence; keys of a vocabulary must not be.
  @Test(arguments: [0, 30])
  func keysAreBytes(others: Int) throws {
    let more = (0..<others).map { #","o\#($0)":0"# }.joined()
    let object = try #require(try JSON.parse(#"{"K":1,"\u212a":2,"é":3,"e\u0301":4\#(more)}"#).object)
    #expect(object.count == 4 + others)
    #expect(["K", "\u{212A}", "é", "e\u{301}"].map { object[$0] } == [1, 2, 3, 4])
    #expect(JSON.string("K") != JSON.string("\u{212A}"))
  }

  @Test func settingAndRemoving() {
    var object: JSONObject = ["a": 1]
    for index in 0..<30 { object["k\(index)"] = .int(index) }
    object["a"] = 2
    object["k3"] = nil
    object["none"] = nil
    #expect(object.count == 30)
    #expect(object.keys.prefix(4) == ["a", "k0", "k1", "k2"])
    #expect(object["k4"] == 4 && object["k29"] == 29 && object["k3"] == nil && object["a"] == 2)
  }

  @Test func equalityIgnoresTheOrderOfMembers() throws {
    #expect(try JSON.parse(#"{"a":1,"b":[2]}"#) == JSON.parse(#"{"b":[2],"a":1}"#))
    #expect(try JSON.parse(#"{"a":1}"#) != JSON.parse(#"{"a":1.0}"#))
  }

  @Test func accessors() throws {
    let json = try JSON.parse(#"{"i":3,"d":2.5,"e":1e3,"s":"x","b":true,"n":null,"a":[1]}"#)
    #expect(json["i"]?.int == 3 && json["i"]?.double == 3 && json["d"]?.int == nil && json["d"]?.double == 2.5)
    #expect(json["e"]?.int == 1000 && json["s"]?.string == "x" && json["b"]?.bool == true)
    #expect(json["n"]?.isNull == true && json["a"]?[0] == 1 && json["a"]?[1] == nil && json["a"]?[-1] == nil)
    #expect(json["s"]?["x"] == nil && json["i"]?.string == nil && json.object?.count == 7)
  }

  @Test func serialization() throws {
    let value: JSON = ["b": [1, 2.5, -0.0, 1e-5, .null, true], "a": "q\"\\\u{1}\n\té/\u{7F}", "e": [:], "l": []]
    #expect(
      try value.serialized() == #"{"b":[1,2.5,-0.0,1e-05,null,true],"a":"q\"\\\u0001\n\té/"#
        + "\u{7F}\",\"e\":{},\"l\":[]}")
    #expect(try value.serialized(sortedKeys: true).hasPrefix(#"{"a":"#))
    let pretty: JSON = ["b": [1, [:]], "a": "x"]
    #expect(try pretty.serialized(pretty: true) == "{\n  \"b\": [\n    1,\n    {}\n  ],\n  \"a\": \"x\"\n}")
    for number in [Double.nan, .infinity, -.infinity] {
      #expect(rollbookError({ _ = try JSON.array([.double(number)]).serialized() })?.code == .badInput)
    }
  }

  @Test func doublesSurviveToTheBit() throws {
    var numbers = SeededNumbers(state: 11)
    for _ in 0..<20_000 {
      let value = Double(bitPattern: numbers.next())
      guard value.isFinite else { continue }
      guard case .double(let back) = try JSON.parse(JSON.double(value).serialized()) else {
        Issue.record("\(value) did not come back as a double")
        return
      }
      #expect(back.bitPattern == value.bitPattern)
    }
  }

  @Test func everyGoldenFileSurvivesWritingAndReading() throws {
    let files = try FileManager.default.subpathsOfDirectory(atPath: Golden.folder).filter { $0.hasSuffix(".json") }
    #expect(!files.isEmpty)
    for file in files.sorted() {
      let value = try JSON.parse(contentsOf: "\(Golden.folder)/\(file)")
      #expect(try JSON.parse(value.bytes()) == value, "\(file)")
      #expect(try JSON.parse(value.bytes(pretty: true, sortedKeys: true)) == value, "\(file)")
    }
  }

  static let sample = #"{"a":[1,-2.5e3,true,null,"x\u00e9\ud83e\udd8a"],"bé":{"c":"\\ \"","d":[]}} "#

  @Test func everyTruncationIsAnError() {
    let bytes = Array(Self.sample.utf8)
    for count in 0..<bytes.count - 1 {
      #expect(rollbookError({ _ = try JSON.parse(Array(bytes[..<count])) })?.code == .badInput, "\(count) bytes")
    }
  }

  @Test func mutationsNeverTrap() {
    var numbers = SeededNumbers(state: 3)
    var failures = 0
    for _ in 0..<20_000 {
      var bytes = Array(Self.sample.utf8)
      for _ in 0..<Int.random(in: 1...3, using: &numbers) {
        bytes[Int.random(in: bytes.indices, using: &numbers)] = UInt8.random(in: 0...255, using: &numbers)
      }
      do { _ = try JSON.parse(bytes) } catch {
        #expect(error is RollbookError)
        failures += 1
      }
    }
    #expect(failures > 10_000)
  }
}
