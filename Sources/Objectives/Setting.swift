/// One number or choice of a value, by the name that a user writes.
package struct Setting<Root> {
  package let name: String
  /// What it takes, for messages: "a number of 0 or more", "one of a, b".
  package let expected: String
  /// As text, in the shortest exact form; "none" = switched off.
  package let get: (Root) -> String
  /// false where the text is not what it takes; the value is then as before.
  package let set: (inout Root, String) -> Bool

  /// The same setting of a part of something larger; the part may not be there.
  func of<Outer>(
    _ part: @escaping (Outer) -> Root?, _ put: @escaping (inout Outer, Root) -> Void
  ) -> Setting<Outer> {
    Setting<Outer>(
      name: name, expected: expected, get: { outer in part(outer).map(get) ?? "none" },
      set: { outer, text in
        guard var root = part(outer), set(&root, text) else { return false }
        put(&outer, root)
        return true
      })
  }

  func of<Outer>(_ path: WritableKeyPath<Outer, Root?>) -> Setting<Outer> {
    of({ $0[keyPath: path] }, { $0[keyPath: path] = $1 })
  }

  func of<Outer>(_ path: WritableKeyPath<Outer, Root>) -> Setting<Outer> {
    of({ $0[keyPath: path] }, { $0[keyPath: path] = $1 })
  }
}

extension Setting {
  static func number(
    _ name: String, _ path: WritableKeyPath<Root, Double>, atLeast least: Double = -.infinity,
    below bound: Double = .infinity
  ) -> Setting {
    Setting(
      name: name, expected: range("a number", least, bound), get: { "\($0[keyPath: path])" },
      set: { root, text in
        guard let value = parse(text, least, bound) else { return false }
        root[keyPath: path] = value
        return true
      })
  }

  static func number(
    _ name: String, _ path: WritableKeyPath<Root, Double?>, atLeast least: Double = -.infinity
  ) -> Setting {
    Setting(
      name: name, expected: range("a number", least, .infinity) + ", or none",
      get: { $0[keyPath: path].map { "\($0)" } ?? "none" },
      set: { root, text in
        let value = parse(text, least, .infinity)
        guard value != nil || text == "none" else { return false }
        root[keyPath: path] = value
        return true
      })
  }

  static func count(_ name: String, _ path: WritableKeyPath<Root, Int>, atLeast least: Int = 0) -> Setting {
    Setting(
      name: name, expected: "a whole number of \(least) or more", get: { "\($0[keyPath: path])" },
      set: { root, text in
        guard let value = Int(text), value >= least else { return false }
        root[keyPath: path] = value
        return true
      })
  }

  static func count(_ name: String, _ path: WritableKeyPath<Root, Int?>, atLeast least: Int = 0) -> Setting {
    Setting(
      name: name, expected: "a whole number of \(least) or more, or none",
      get: { $0[keyPath: path].map { "\($0)" } ?? "none" },
      set: { root, text in
        let value = Int(text)
        guard text == "none" || (value ?? least - 1) >= least else { return false }
        root[keyPath: path] = value
        return true
      })
  }

  static func flag(_ name: String, _ path: WritableKeyPath<Root, Bool>) -> Setting {
    Setting(
      name: name, expected: "true or false", get: { "\($0[keyPath: path])" },
      set: { root, text in
        guard let value = Bool(text) else { return false }
        root[keyPath: path] = value
        return true
      })
  }

  static func choice<Choice: RawRepresentable<String> & CaseIterable>(
    _ name: String, _ path: WritableKeyPath<Root, Choice>
  ) -> Setting {
    Setting(
      name: name, expected: "one of " + Choice.allCases.map(\.rawValue).joined(separator: ", "),
      get: { $0[keyPath: path].rawValue },
      set: { root, text in
        guard let value = Choice.allCases.first(where: { settingKey($0.rawValue) == settingKey(text) }) else {
          return false
        }
        root[keyPath: path] = value
        return true
      })
  }

  private static func parse(_ text: String, _ least: Double, _ bound: Double) -> Double? {
    guard let value = Double(text), value - value == 0, value >= least, value < bound else { return nil }
    return value
  }

  private static func range(_ what: String, _ least: Double, _ bound: Double) -> String {
    let from = least > -.infinity ? " of \(least) or more" : ""
    return what + from + (bound < .infinity ? " below \(bound)" : "")
  }
}

/// Hyphens and underscores are the same in names.
func settingKey(_ text: String) -> String { String(text.map { $0 == "-" ? "_" : $0 }) }

/// A setting that a recipe does not have, or a value that a setting does not take.
package struct SettingError: Error, Equatable, CustomStringConvertible {
  package let name: String
  package let value: String
  /// What the setting takes; nil where there is no such setting.
  package let expected: String?
  /// The settings that there are.
  package let known: [String]

  package var description: String {
    guard let expected else { return "there is no setting '\(name)'; there are \(known.joined(separator: ", "))" }
    return "\(name)=\(value): expected \(expected)"
  }
}
