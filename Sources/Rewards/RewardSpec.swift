/// A reward spec that cannot be used; the text says what is wrong and what is legal.
package struct RewardError: Error, Equatable, CustomStringConvertible, Sendable {
  package var description: String
  package init(_ description: String) { self.description = description }
}

/// The settings of a spec, `key=value,key=value`, as its reward reads them.
package struct RewardOptions: Sendable {
  package let name: String
  let values: [String: String]

  /// The value of a key, or nil.
  package subscript(key: String) -> String? { values[key] }

  /// One of the named choices; the first is the default.
  package func choice<Choice: RawRepresentable & CaseIterable>(
    _ key: String, default value: Choice
  ) throws(RewardError) -> Choice where Choice.RawValue == String {
    guard let text = values[key] else { return value }
    guard let choice = Choice(rawValue: text) else {
      let legal = Choice.allCases.map(\.rawValue).joined(separator: ", ")
      throw RewardError("\(name): \(key)=\(text): expected one of \(legal)")
    }
    return choice
  }

  /// A finite number, or nil where the key is missing.
  package func number(_ key: String) throws(RewardError) -> Double? {
    guard let text = values[key] else { return nil }
    guard let number = Double(text), number.isFinite else {
      throw RewardError("\(name): \(key)=\(text): expected a number")
    }
    return number
  }
}
