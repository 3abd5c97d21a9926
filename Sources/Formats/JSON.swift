/// A JSON value (RFC 8259). Objects keep the order of the text.
///
/// Numbers written without fraction and exponent that fit are `int`, every other number is `double`, so `8` and `8.0`
/// stay what they were when a file is read and written again.
package enum JSON: Equatable, Sendable {
  case null
  case bool(Bool)
  case int(Int)
  case double(Double)
  case string(String)
  case array([JSON])
  case object(JSONObject)

  /// Strings are equal when their UTF-8 is; `int(1)` and `double(1)` are different values.
  package static func == (a: JSON, b: JSON) -> Bool {
    switch (a, b) {
    case (.null, .null): true
    case (.bool(let a), .bool(let b)): a == b
    case (.int(let a), .int(let b)): a == b
    case (.double(let a), .double(let b)): a == b
    case (.string(let a), .string(let b)): sameUTF8(a, b)
    case (.array(let a), .array(let b)): a == b
    case (.object(let a), .object(let b)): a == b
    default: false
    }
  }
}

extension JSON {
  /// The member of an object; nil for a missing key and for anything that is no object.
  package subscript(key: String) -> JSON? {
    guard case .object(let object) = self else { return nil }
    return object[key]
  }

  /// The element of an array; nil outside its bounds and for anything that is no array.
  package subscript(index: Int) -> JSON? {
    guard case .array(let array) = self, array.indices.contains(index) else { return nil }
    return array[index]
  }

  package var isNull: Bool { self == .null }

  package var bool: Bool? {
    if case .bool(let value) = self { value } else { nil }
  }

  /// An integer; also a double that is one exactly (`1e3`).
  package var int: Int? {
    switch self {
    case .int(let value): value
    case .double(let value): Int(exactly: value)
    default: nil
    }
  }

  /// Any number.
  package var double: Double? {
    switch self {
    case .int(let value): Double(value)
    case .double(let value): value
    default: nil
    }
  }

  package var string: String? {
    if case .string(let value) = self { value } else { nil }
  }

  package var array: [JSON]? {
    if case .array(let value) = self { value } else { nil }
  }

  package var object: JSONObject? {
    if case .object(let value) = self { value } else { nil }
  }

  /// The kind of value, in words for messages: "an object", "a string".
  package var kind: String {
    switch self {
    case .null: "null"
    case .bool: "a boolean"
    case .int: "an integer"
    case .double: "a number"
    case .string: "a string"
    case .array: "an array"
    case .object: "an object"
    }
  }
}

/// The members of a JSON object in the order of the text; look-up by key takes constant time.
///
/// Keys are the same only if their UTF-8 is (Swift's `==` of strings would merge the Kelvin sign with K, and with them
/// two tokens of a vocabulary). Two objects are equal when they have the same members in any order, which is what JSON
/// means by equality.
package struct JSONObject: Equatable, Sendable {
  /// The members, in order, each key once.
  package private(set) var members: [Member] = []
  /// From key to position; only kept once there are more members than a scan handles as fast.
  private var positions: [ByteKey: Int]?

  package struct Member: Equatable, Sendable {
    package let key: String
    package var value: JSON

    package static func == (a: Member, b: Member) -> Bool { sameUTF8(a.key, b.key) && a.value == b.value }
  }

  private static let scanLimit = 12

  package init() {}

  /// The members in the given order; of a key given twice, the last value wins and keeps the first place.
  package init(_ pairs: some Sequence<(String, JSON)>) {
    self.init(pairs.map { Member(key: $0.0, value: $0.1) })
  }

  /// The same, from members.
  init(_ members: [Member]) {
    self.members = members
    if !indexIfDistinct() {
      // The rare text that repeats a key: start over one by one.
      self.members = []
      positions = nil
      for member in members { self[member.key] = member.value }
    }
  }

  /// Builds `positions` if there are enough members; false if two have the same key.
  private mutating func indexIfDistinct() -> Bool {
    guard members.count > Self.scanLimit else {
      return members.indices.allSatisfy { position(of: members[$0].key) == $0 }
    }
    var positions: [ByteKey: Int] = [:]
    positions.reserveCapacity(members.count)
    for (place, member) in members.enumerated() {
      guard positions.updateValue(place, forKey: ByteKey(text: member.key)) == nil else { return false }
    }
    self.positions = positions
    return true
  }

  package var count: Int { members.count }
  package var isEmpty: Bool { members.isEmpty }
  package var keys: [String] { members.map(\.key) }

  /// The value of a key. Setting a new key appends it; setting nil removes it (and takes time linear in the count).
  package subscript(key: String) -> JSON? {
    get { position(of: key).map { members[$0].value } }
    set {
      switch (position(of: key), newValue) {
      case (let place?, let value?): members[place].value = value
      case (nil, let value?): append(key, value)
      case (let place?, nil):
        members.remove(at: place)
        positions = nil
        _ = indexIfDistinct()
      case (nil, nil): break
      }
    }
  }

  /// A key as its UTF-8.
  private struct ByteKey: Hashable {
    var text: String

    static func == (a: ByteKey, b: ByteKey) -> Bool { sameUTF8(a.text, b.text) }

    func hash(into hasher: inout Hasher) {
      var text = text
      text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
  }

  private func position(of key: String) -> Int? {
    if let positions { return positions[ByteKey(text: key)] }
    return members.firstIndex { sameUTF8($0.key, key) }
  }

  private mutating func append(_ key: String, _ value: JSON) {
    positions?[ByteKey(text: key)] = members.count
    members.append(Member(key: key, value: value))
    if positions == nil && members.count > Self.scanLimit { _ = indexIfDistinct() }
  }

  package static func == (a: JSONObject, b: JSONObject) -> Bool {
    guard a.count == b.count else { return false }
    for member in a.members {
      guard let other = b[member.key], other == member.value else { return false }
    }
    return true
  }
}

/// Whether two strings are the same bytes; `==` of strings is canonical equivalence.
func sameUTF8(_ a: String, _ b: String) -> Bool {
  guard a.utf8.count == b.utf8.count else { return false }
  return a.utf8.elementsEqual(b.utf8)
}

extension JSON: ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
  ExpressibleByStringLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  package init(booleanLiteral value: Bool) { self = .bool(value) }
  package init(integerLiteral value: Int) { self = .int(value) }
  package init(floatLiteral value: Double) { self = .double(value) }
  package init(stringLiteral value: String) { self = .string(value) }
  package init(arrayLiteral elements: JSON...) { self = .array(elements) }
  package init(dictionaryLiteral elements: (String, JSON)...) { self = .object(JSONObject(elements)) }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
  package init(dictionaryLiteral elements: (String, JSON)...) { self.init(elements) }
}
