/// Attributes, elements and slices.
extension JinjaInterpreter {
  /// `base.name`: methods first, then members, as Jinja has it.
  func attribute(_ name: String, of base: JinjaValue) throws -> JinjaValue {
    if case .undefined(let why) = base { throw JinjaFault.undefined(why) }
    if let method = try method(name, of: base) { return method }
    switch base {
    case .dictionary(let dictionary): if let value = dictionary[name] { return value }
    case .namespace(let namespace): if let value = namespace[name] { return value }
    case .list(let list) where list.form == .group && (name == "grouper" || name == "list"):
      return list.elements[name == "list" ? 1 : 0]
    case .loop(let loop): if let value = try loop.attribute(name) { return value }
    case .callable: throw JinjaFault.unsupported("the attribute .\(name) of a function")
    default: break
    }
    if name.hasPrefix("__") {
      throw JinjaFault("access to the attribute \"\(name)\" is not allowed in a template")
    }
    return .undefined(JinjaUndefined(.string(name), of: base))
  }

  private func method(_ name: String, of base: JinjaValue) throws -> JinjaValue? {
    guard let methods = JinjaMethods.names(of: base) else { return nil }
    if methods.changing.contains(name) {
      throw JinjaFault(
        ".\(name) would change \(base.kind), which templates must not",
        hint: "use a namespace, or + to add to a list")
    }
    guard methods.known.contains(name) else {
      if methods.others.contains(name) { throw JinjaFault.unsupported("the method .\(name)()") }
      return nil
    }
    return .callable(JinjaCallable(.method(base, name)))
  }

  /// `base[index]`: members first, then methods.
  func item(_ index: JinjaValue, of base: JinjaValue) throws -> JinjaValue {
    switch (base, index) {
    case (.undefined(let why), _): throw JinjaFault.undefined(why)
    case (.list(let list), _) where list.form.isIndexed && index.integer != nil:
      if let place = Self.place(index, count: list.elements.count) { return list.elements[place] }
    case (.string(let text), _) where index.integer != nil,
      (.markup(let text), _) where index.integer != nil:
      try budget.touch(text.utf8.count)
      if let place = Self.place(index, count: text.unicodeScalars.count) {
        return .string(
          String(text.unicodeScalars[text.unicodeScalars.index(text.startIndex, offsetBy: place)]))
      }
    case (.dictionary(let dictionary), _):
      if let key = index.string {
        if let value = dictionary[key] { return value }
      } else if let value = (try? dictionary.value(index)) ?? nil {
        return value
      }
      if let name = index.string {
        return try method(name, of: base) ?? .undefined(JinjaUndefined(index, of: base))
      }
    default: if let name = index.string { return try attribute(name, of: base) }
    }
    return .undefined(JinjaUndefined(index, of: base))
  }

  private static func place(_ index: JinjaValue, count: Int) -> Int? {
    guard let number = index.integer, number >= -count, number < count else { return nil }
    return number < 0 ? number + count : number
  }

  /// Python's slices, of lists and of strings by scalars.
  func slice(_ base: JinjaValue, _ bounds: [JinjaValue?]) throws -> JinjaValue {
    let numbers = try bounds.map { bound -> Int? in
      guard let bound, !bound.isNone else { return nil }
      guard let number = bound.integer else {
        throw JinjaFault.expected("integers", for: "a slice", found: bound)
      }
      return number
    }
    let step = numbers.count > 2 ? numbers[2] ?? 1 : 1
    guard step != 0 else { throw JinjaFault("the step of a slice is 0") }
    try budget.touch(base.shallowWeight)
    func chosen<Element>(_ elements: [Element]) -> [Element] {
      Self.places(
        count: elements.count, numbers[0], numbers.count > 1 ? numbers[1] : nil, step: step
      ).map {
        elements[$0]
      }
    }
    switch base {
    case .undefined(let why): throw JinjaFault.undefined(why)
    case .list(let list) where list.form.isIndexed:
      return try .list(chosen(list.elements), list.form)
    case .string(let text), .markup(let text):
      var result = String.UnicodeScalarView()
      result.append(contentsOf: chosen(Array(text.unicodeScalars)))
      return .string(String(result))
    default: throw JinjaFault.expected("a list or a string", for: "a slice", found: base)
    }
  }

  private static func places(count: Int, _ start: Int?, _ stop: Int?, step: Int) -> [Int] {
    let lowest = step > 0 ? 0 : -1
    let highest = step > 0 ? count : count - 1
    func bound(_ number: Int?, _ fallback: Int) -> Int {
      guard let number else { return fallback }
      return number < 0 ? (number < -count ? lowest : number + count) : min(number, highest)
    }
    let first = bound(start, step > 0 ? 0 : highest)
    let last = bound(stop, step > 0 ? count : -1)
    var places: [Int] = []
    var place = first
    while step > 0 ? place < last : place > last {
      places.append(place)
      let (next, overflow) = place.addingReportingOverflow(step)
      if overflow { break }
      place = next
    }
    return places
  }
}
