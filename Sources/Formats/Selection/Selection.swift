/// Which rollouts: the one language of `--where`, for every command and stage that takes some of them.
///
///     reward < 0 and step between 10 and 20
///     task = addition and not finish = length
///     math = 1 and format < 1 or second.reward is null
///     prompt ~ "addition-train-0*" and staleness > 0
///
/// A condition compares one field with values: `=`, `!=`, `<`, `<=`, `>`, `>=`, `~` and `!~` (text with `*` and `?` in
/// it), `between A and B` (both included), `in (A, B)`, `is null`, `is not null`; `not`, `and`, `or`, and parentheses
/// join conditions. Words are text; what has spaces or signs in it stands in quotes, single or double, doubled inside.
/// Fields are those of `SelectionField`, and the components of the score set by name; `SET.reward` and
/// `SET.COMPONENT` ask another set. A comparison with a value that is not there is false, and `not` of it true.
///
/// A selection is data: it becomes a condition of SQL with its values bound, never pasted.
package struct Selection: Sendable, Equatable {
  /// As it was written.
  package let text: String
  let root: Node

  /// A condition, or several joined.
  indirect enum Node: Sendable, Equatable {
    case and(Node, Node)
    case or(Node, Node)
    case not(Node)
    case compare(Name, Operator, Value)
    case between(Name, Value, Value)
    case among(Name, [Value])
    case isNull(Name)
    /// A true-or-false field by itself.
    case isTrue(Name)

    /// The conditions that `and` joins here, in order.
    var conjuncts: [Node] {
      var (node, found): (Node, [Node]) = (self, [])
      while case .and(let first, let last) = node { (node, found) = (first, found + [last]) }
      return [node] + found.reversed()
    }

    /// The conditions that `or` joins here, in order.
    var disjuncts: [Node] {
      var (node, found): (Node, [Node]) = (self, [])
      while case .or(let first, let last) = node { (node, found) = (first, found + [last]) }
      return [node] + found.reversed()
    }
  }

  enum Operator: String, Sendable, CaseIterable {
    case equal = "="
    case unequal = "!="
    case atMost = "<="
    case less = "<"
    case atLeast = ">="
    case greater = ">"
    case like = "~"
    case unlike = "!~"
  }

  /// A field as it was written, and where: the 1-based column.
  struct Name: Sendable, Equatable {
    var text: String
    var column: Int
  }

  struct Value: Sendable, Equatable {
    enum Kind: Sendable, Equatable {
      case number(Double)
      case text(String)
    }
    var kind: Kind
    var column: Int
    /// As it was written: `007` is a number for a length and a text for a prompt.
    var text: String
  }

  /// Reads a selection.
  ///
  /// - Throws: `RollbookError` `usage` that shows the place.
  package static func parse(_ text: String) throws -> Selection {
    var parser = try SelectionParser(text)
    return Selection(text: text, root: try parser.selection())
  }

  /// The rollouts of this selection, or of any if nil, that belong to a step.
  package static func of(step: Int, _ other: Selection?) -> Selection {
    let number = Value(kind: .number(Double(step)), column: 1, text: String(step))
    let node = Node.compare(Name(text: "step", column: 1), .equal, number)
    return Selection(text: other?.text ?? "step = \(step)", root: other.map { .and($0.root, node) } ?? node)
  }

  /// An error at a column of the text.
  static func fault(_ text: String, _ column: Int, _ message: String, hint: String? = nil) -> RollbookError {
    RollbookError(
      .usage, place: "--where", "\(message)\n    \(text)\n    " + String(repeating: " ", count: column - 1) + "^",
      hint: hint ?? "e.g. --where 'reward < 0 and step between 10 and 20'; the fields are in docs/selection.md")
  }
}
