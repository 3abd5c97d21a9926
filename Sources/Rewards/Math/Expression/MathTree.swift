/// A parsed answer: nodes that name their children by index. Sums, products and lists are flat, so the depth of a tree
/// is the depth of its brackets, exponents and functions, at most ``MathParser/depthLimit``.
struct MathTree {
  enum Kind: Equatable {
    /// An index into ``MathTree/numbers``.
    case number(Int)
    /// An index into ``MathTree/names``.
    case variable(Int)
    case pi, e, i, infinity, emptySet
    case sum, product, negation, inverse
    /// Base, exponent.
    case power
    /// Radicand, index.
    case root
    case factorial, absolute, percent
    /// Above, below.
    case binomial
    /// One child: ±x; two: x ± y.
    case plusMinus
    /// Argument, and for a logarithm with a base the base.
    case call(MathFunction)
    /// Elements between ( or [ and ) or ].
    case bracket(isOpenLeft: Bool, isOpenRight: Bool)
    case set
    /// Elements that stand side by side.
    case list(Joint)
    case union
    /// Sides; the signs between them are at an index of ``MathTree/relations``.
    case relation(Int)
    /// Elements in rows of this many columns.
    case matrix(columns: Int)
    /// Words; an index into ``MathTree/names``.
    case text(Int)
    /// A value; the unit's words are at an index of ``MathTree/names``.
    case measure(Int)
    case degrees
  }

  enum Joint: Equatable { case comma, and, or, space }

  struct Node {
    let kind: Kind
    let children: [Int]
  }

  private(set) var nodes: [Node] = []
  var numbers: [ExactNumber] = []
  private(set) var names: [[UInt8]] = []
  private(set) var relations: [[MathRelation]] = []

  subscript(index: Int) -> Node { nodes[index] }

  mutating func add(_ kind: Kind, _ children: [Int] = []) -> Int {
    nodes.append(Node(kind: kind, children: children))
    return nodes.count - 1
  }

  mutating func add(_ number: ExactNumber) -> Int {
    numbers.append(number)
    return add(.number(numbers.count - 1))
  }

  mutating func index(of name: some Collection<UInt8>) -> Int {
    names.append(Array(name))
    return names.count - 1
  }

  mutating func add(_ signs: [MathRelation], _ sides: [Int]) -> Int {
    relations.append(signs)
    return add(.relation(relations.count - 1), sides)
  }

  /// The number that a node is, signs included.
  func number(_ index: Int) -> ExactNumber? {
    switch nodes[index].kind {
    case .number(let place): return numbers[place]
    case .negation:
      guard var number = number(nodes[index].children[0]) else { return nil }
      number = ExactNumber(negative: !number.negative, top: number.top, bottom: number.bottom)
      return number
    default: return nil
    }
  }

  /// Whether both are built alike, from the same numbers and names.
  func isSame(_ a: Int, as other: MathTree, _ b: Int) -> Bool {
    let (left, right) = (nodes[a], other.nodes[b])
    guard left.children.count == right.children.count else { return false }
    switch (left.kind, right.kind) {
    case (.number(let i), .number(let j)): return numbers[i] == other.numbers[j]
    case (.variable(let i), .variable(let j)), (.text(let i), .text(let j)), (.measure(let i), .measure(let j)):
      guard names[i] == other.names[j] else { return false }
    case (.relation(let i), .relation(let j)):
      guard relations[i] == other.relations[j] else { return false }
    default:
      guard left.kind == right.kind else { return false }
    }
    return zip(left.children, right.children).allSatisfy { isSame($0, as: other, $1) }
  }
}
