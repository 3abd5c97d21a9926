/// `loop` inside of a loop's body.
final class JinjaLoop {
  let items: [JinjaValue]
  let node: JinjaLoopNode
  /// The scope around the loop.
  let scope: JinjaScope
  /// Loops of the same recursive `for` around this one.
  let depth: Int
  var index = 0
  /// What `loop.changed` was last given.
  var last: [JinjaValue]?

  init(_ items: [JinjaValue], _ node: JinjaLoopNode, _ scope: JinjaScope, depth: Int) {
    (self.items, self.node, self.scope, self.depth) = (items, node, scope, depth)
  }

  func attribute(_ name: String) throws -> JinjaValue? {
    switch name {
    case "index": .int(index + 1)
    case "index0": .int(index)
    case "revindex": .int(items.count - index)
    case "revindex0": .int(items.count - index - 1)
    case "first": .bool(index == 0)
    case "last": .bool(index == items.count - 1)
    case "length": .int(items.count)
    case "depth": .int(depth + 1)
    case "depth0": .int(depth)
    case "previtem":
      index > 0 ? items[index - 1] : .undefined(JinjaUndefined("there is no previous item"))
    case "nextitem":
      index + 1 < items.count
        ? items[index + 1] : .undefined(JinjaUndefined("there is no next item"))
    case "cycle", "changed": .callable(JinjaCallable(.method(.loop(self), name)))
    default: nil
    }
  }

  /// `loop.cycle(…)`, `loop.changed(…)`
  func call(_ method: String, _ arguments: JinjaArguments) throws -> JinjaValue {
    guard arguments.named.isEmpty, !arguments.positional.isEmpty else {
      throw JinjaFault("loop.\(method) expected values, found none")
    }
    if method == "cycle" { return arguments.positional[index % arguments.positional.count] }
    let before = last
    last = arguments.positional
    return .bool(
      before.map { before in
        before.count != arguments.positional.count
          || !zip(before, arguments.positional).allSatisfy { $0.equals($1) }
      } ?? true)
  }
}

extension JinjaInterpreter {
  func run(_ node: JinjaLoopNode, over value: JinjaValue, in outer: JinjaScope, depth: Int) throws {
    var items = try elements(of: value)
    if let condition = node.condition {
      items = try items.filter { item in
        let inner = JinjaScope(parent: outer)
        try bind(node.target, item, in: inner)
        return try within(inner) { try evaluate(condition).isTrue }
      }
    }
    if items.isEmpty {
      _ = try within(JinjaScope(parent: outer)) { try run(node.otherwise) }
      return
    }
    let loop = JinjaLoop(items, node, outer, depth: depth)
    defer { loop.last = nil }
    for index in items.indices {
      loop.index = index
      let inner = JinjaScope(parent: outer, names: ["loop": .loop(loop)])
      try budget.step()
      try bind(node.target, items[index], in: inner)
      if try within(inner, { try run(node.body) }) == .breakLoop { break }
    }
  }

  /// `loop(items)` in a recursive loop: the text that the loop makes of other items.
  func recurse(_ loop: JinjaLoop, _ arguments: JinjaArguments) throws -> JinjaValue {
    guard loop.node.isRecursive else {
      throw JinjaFault("only a loop marked \"recursive\" can be called")
    }
    guard let items = try arguments.bound(to: ["items"], for: "loop").first ?? nil else {
      throw JinjaFault("loop() expected items, found none")
    }
    return .string(
      try captured {
        try nested(loop.node.offset) {
          try run(loop.node, over: items, in: loop.scope, depth: loop.depth + 1)
        }
      })
  }
}
