import GRDB

/// A selection as a condition of SQL over rollout rows `r`, every value an argument.
struct SelectionQuery {
  private(set) var condition = "1"
  /// Joins of the score sets that the condition asks for.
  private(set) var joins = ""
  private(set) var arguments: [String: (any DatabaseValueConvertible)?] = [:]

  private let text: String
  let defaultSet: String?
  /// Components by score set.
  private let components: [String: Set<String>]
  private var aliases: [String: String] = [:]

  /// - Parameters:
  ///   - defaultSet: The set that `reward` and components without a set mean; nil when nothing is scored.
  ///   - components: Names of the components of every set.
  /// - Throws: `RollbookError` `usage` for a field that there is not, or a value of the wrong kind.
  init(_ selection: Selection?, defaultSet: String?, components: [String: Set<String>]) throws {
    text = selection?.text ?? ""
    self.defaultSet = defaultSet
    self.components = components
    guard let selection else { return }
    condition = try render(selection.root)
    for bound in bounds(selection.root) { condition += " AND " + bound }
  }

  private func fault(_ column: Int, _ message: String, hint: String? = nil) -> RollbookError {
    Selection.fault(text, column, message, hint: hint)
  }

  mutating func bind(_ value: (any DatabaseValueConvertible)?) -> String {
    let name = "w\(arguments.count)"
    arguments[name] = value
    return ":" + name
  }

  private mutating func render(_ node: Selection.Node) throws -> String {
    switch node {
    case .and: return "(\(try node.conjuncts.map { try render($0) }.joined(separator: " AND ")))"
    case .or: return "(\(try node.disjuncts.map { try render($0) }.joined(separator: " OR ")))"
    case .not(let a): return "(NOT \(try render(a)))"
    case .isNull(let name):
      let (_, sql) = try resolve(name)
      return "(\(sql) IS NULL)"
    case .isTrue(let name):
      let (field, sql) = try resolve(name)
      guard field.kind == .flag else {
        throw fault(name.column, "expected a comparison such as = or < after '\(name.text)', which is not true or false")
      }
      return filled(field, "\(sql) = 1")
    case .compare(let name, let sign, let value): return try compare(name, sign, value)
    case .between(let name, let low, let high):
      let (field, sql) = try resolve(name)
      guard field.kind == .number else { throw fault(name.column, "expected a number between two, found a text field") }
      return filled(field, "\(sql) BETWEEN \(bind(try number(low, name))) AND \(bind(try number(high, name)))")
    case .among(let name, let values):
      let (field, sql) = try resolve(name)
      return filled(field, "\(sql) IN (\(try values.map { try operand($0, field, name) }.joined(separator: ", ")))")
    }
  }

  private mutating func compare(
    _ name: Selection.Name, _ sign: Selection.Operator, _ value: Selection.Value
  ) throws -> String {
    let (field, sql) = try resolve(name)
    switch sign {
    case .like, .unlike:
      guard field.kind == .text || field.kind == .key else {
        throw fault(name.column, "expected a text field before '\(sign.rawValue)', found '\(name.text)'")
      }
      let text = field.kind == .key ? "(SELECT text FROM texts WHERE texts.id = \(sql))" : sql
      let pattern = bind(value.text.replacing("[", with: "[[]"))
      return (sign == .unlike ? "NOT " : "") + filled(field, "\(text) GLOB \(pattern)")
    case .equal: return filled(field, "\(sql) = \(try operand(value, field, name))")
    case .unequal: return filled(field, "\(sql) <> \(try operand(value, field, name))")
    case .less, .atMost, .greater, .atLeast:
      guard field.kind == .number else {
        throw fault(name.column, "expected a number before '\(sign.rawValue)', found '\(name.text)'")
      }
      return filled(field, "\(sql) \(sign.rawValue) \(bind(try number(value, name)))")
    }
  }

  /// A comparison with what is missing is false, not null: `not` of it is true.
  private func filled(_ field: SelectionField, _ condition: String) -> String {
    field.isOptional ? "coalesce(\(condition), 0)" : "(\(condition))"
  }

  private func number(_ value: Selection.Value, _ name: Selection.Name) throws -> Double {
    guard case .number(let number) = value.kind else {
      throw fault(value.column, "expected a number for '\(name.text)', found '\(value.text)'")
    }
    return number
  }

  private mutating func operand(
    _ value: Selection.Value, _ field: SelectionField, _ name: Selection.Name
  ) throws -> String {
    switch field.kind {
    case .number: return bind(try number(value, name))
    case .text: return bind(value.text)
    case .key: return bind(Index.key(value.text))
    case .flag:
      switch value.text.lowercased() {
      case "1", "true": return "1"
      case "0", "false": return "0"
      default: throw fault(value.column, "expected true or false for '\(name.text)', found '\(value.text)'")
      }
    }
  }

  /// The field that a name means, and its SQL: a field, `SET.field`, a component, `SET.component`.
  private mutating func resolve(_ name: Selection.Name) throws -> (field: SelectionField, sql: String) {
    if let field = SelectionField.all.first(where: { $0.name == name.text }) { return try place(field, in: defaultSet) }
    if let set = defaultSet, components[set]?.contains(name.text) == true {
      return try place(.component(argument: bind(name.text)), in: set)
    }
    for set in components.keys.sorted() where name.text.hasPrefix(set + ".") {
      let rest = String(name.text.dropFirst(set.count + 1))
      if let field = SelectionField.all.first(where: { $0.name == rest && $0.sql.contains("@") }) {
        return try place(field, in: set)
      }
      if components[set]?.contains(rest) == true {
        return try place(.component(argument: bind(rest)), in: set)
      }
    }
    throw fault(name.column, "there is no field '\(name.text)'", hint: known())
  }

  private func known() -> String {
    let fields = SelectionField.all.map(\.name).joined(separator: ", ")
    let sets = components.sorted { $0.key < $1.key }.map { set, names in
      "\n  score set \(set): \(set).reward" + names.sorted().map { ", \(set).\($0)" }.joined()
    }
    return "fields: \(fields)" + sets.joined()
  }

  private mutating func place(_ field: SelectionField, in set: String?) throws -> (SelectionField, String) {
    guard field.sql.contains("@") else { return (field, field.sql) }
    let name = set ?? ""
    let alias = aliases[name] ?? "x\(aliases.count)"
    if aliases[name] == nil {
      aliases[name] = alias
      joins += """

        LEFT JOIN score_rows \(alias) ON \(alias).score_set = \(bind(name)) AND \(alias).step = r.step
          AND \(alias).rollout = r.id AND \(alias).is_latest
        """
    }
    return (field, field.sql.replacing("@", with: alias))
  }
}
