import Formats

/// A sequence, with what going through it costs.
final class JinjaList {
  /// What Python would call it; it decides how the sequence prints and which operations it has.
  enum Form: Equatable {
    case list
    case tuple
    /// What `groupby` gives: a tuple with names.
    case group
    case range
    /// `dict.keys()`, `.values()`, `.items()`
    case view(String)
    /// What most filters give: it can be gone through once and has no length.
    case iterator

    var kind: String {
      switch self {
      case .list: "a list"
      case .tuple, .group: "a tuple"
      case .range: "a range"
      case .view: "a view of a dictionary"
      case .iterator: "an iterator"
      }
    }

    var typeName: String {
      switch self {
      case .list: "list object"
      case .tuple: "tuple object"
      case .group: "jinja2.filters._GroupTuple object"
      case .range: "range object"
      case .view(let name): "\(name) object"
      case .iterator: "generator object"
      }
    }

    /// Whether elements can be taken by number.
    var isIndexed: Bool {
      switch self {
      case .list, .tuple, .group, .range: true
      case .view, .iterator: false
      }
    }
  }

  /// Nesting of values that is accepted, so that no walk through one overflows the stack.
  static let maximumDepth = JSON.maximumDepth + 64

  let elements: [JinjaValue]
  let form: Form
  let depth: Int
  let weight: Int

  init(_ elements: [JinjaValue], _ form: Form = .list) throws {
    var depth = 0
    var weight = 16
    for element in elements {
      depth = max(depth, element.depth)
      weight = weight.addingSaturating(element.weight)
    }
    guard depth < Self.maximumDepth else { throw JinjaFault("the list is nested too deeply") }
    (self.elements, self.form, self.depth, self.weight) = (elements, form, depth + 1, weight)
  }
}

/// A dictionary, in the order its keys were put in.
final class JinjaDictionary {
  let members: [(key: JinjaValue, value: JinjaValue)]
  let depth: Int
  let weight: Int
  /// Places of keys, only where there are more of them than a scan handles as fast.
  private let places: [JinjaKey: Int]

  var count: Int { members.count }

  /// - Parameter pairs: Of a key given twice the last value wins and keeps the first place.
  init(_ pairs: [(key: JinjaValue, value: JinjaValue)]) throws {
    var places: [JinjaKey: Int] = [:]
    var members: [(key: JinjaValue, value: JinjaValue)] = []
    members.reserveCapacity(pairs.count)
    for pair in pairs {
      let key = try JinjaKey(pair.key)
      if let place = places[key] {
        members[place].value = pair.value
      } else {
        places[key] = members.count
        members.append(pair)
      }
    }
    var depth = 0
    var weight = 16
    for member in members {
      depth = max(depth, member.key.depth, member.value.depth)
      weight = weight.addingSaturating(member.key.weight).addingSaturating(member.value.weight)
    }
    guard depth < JinjaList.maximumDepth else {
      throw JinjaFault("the dictionary is nested too deeply")
    }
    (self.members, self.depth, self.weight, self.places) = (members, depth + 1, weight, places)
  }

  subscript(key: String) -> JinjaValue? { places[.text(Array(key.utf8))].map { members[$0].value } }

  /// - Throws: `JinjaFault` for a key that cannot be one, such as a list.
  func value(_ key: JinjaValue) throws -> JinjaValue? {
    try places[JinjaKey(key)].map { members[$0].value }
  }
}

/// A key by Python's equality: 1, 1.0 and true are the same key. Strings are the same when their bytes are.
enum JinjaKey: Hashable {
  case none
  case integer(Int)
  case double(Double)
  case text([UInt8])
  case tuple([JinjaKey])

  init(_ value: JinjaValue) throws {
    switch value {
    case .none: self = .none
    case .string(let text), .markup(let text): self = .text(Array(text.utf8))
    case .list(let list) where list.form == .tuple:
      self = .tuple(try list.elements.map { try JinjaKey($0) })
    case .double(let number): self = Int(exactly: number).map { .integer($0) } ?? .double(number)
    default:
      guard let integer = value.integer else { throw JinjaFault("\(value.kind) cannot be a key") }
      self = .integer(integer)
    }
  }
}

/// `namespace(…)`: the one value whose members a template can set.
final class JinjaNamespace {
  private(set) var members: [(key: String, value: JinjaValue)] = []

  subscript(name: String) -> JinjaValue? {
    get { members.first { PythonText.same($0.key, name) }?.value }
    set {
      guard let newValue else { return }
      if let place = members.firstIndex(where: { PythonText.same($0.key, name) }) {
        members[place].value = newValue
      } else {
        members.append((name, newValue))
      }
    }
  }

  /// A namespace can hold itself: it is emptied when the rendering is over, so that its memory is given back.
  func clear() { members = [] }
}

extension JinjaValue {
  init(_ json: JSON) throws {
    switch json {
    case .null: self = .none
    case .bool(let value): self = .bool(value)
    case .int(let value): self = .int(value)
    case .double(let value): self = .double(value)
    case .string(let value): self = .string(value)
    case .array(let values): self = try .list(values.map { try JinjaValue($0) })
    case .object(let object):
      self = .dictionary(
        try JinjaDictionary(object.members.map { (.string($0.key), try JinjaValue($0.value)) }))
    }
  }
}

extension Int {
  func addingSaturating(_ other: Int) -> Int {
    let (sum, overflow) = addingReportingOverflow(other)
    return overflow ? .max : sum
  }
}
