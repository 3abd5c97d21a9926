/// Turns a parsed pattern into the automaton's program.
struct PatternCompiler {
  private(set) var program: [Pattern.Instruction] = []

  mutating func emit(_ instruction: Pattern.Instruction) throws(RewardError) {
    guard program.count < Pattern.programLimit else {
      throw RewardError("pattern: its counts multiply to more than \(Pattern.programLimit) steps; use smaller ones")
    }
    program.append(instruction)
  }

  mutating func compile(_ node: PatternNode) throws(RewardError) {
    switch node {
    case .empty: break
    case .bytes(let set): try emit(.bytes(set))
    case .character(let set):
      try emit(.bytes(set))
      try compile(.repetition(.bytes(.continuation), min: 0, max: nil, lazy: false))
    case .assertion(let assertion): try emit(.check(assertion))
    case .capture(let inner):
      try emit(.save(2))
      try compile(inner)
      try emit(.save(3))
    case .sequence(let parts):
      for part in parts { try compile(part) }
    case .choice(let branches): try compile(branches)
    case .repetition(let inner, let min, let max, let lazy): try compile(inner, min: min, max: max, lazy: lazy)
    }
  }

  private mutating func compile(_ branches: [PatternNode]) throws(RewardError) {
    var jumps: [Int] = []
    for (place, branch) in branches.enumerated() {
      guard place < branches.count - 1 else {
        try compile(branch)
        break
      }
      let split = program.count
      try emit(.split(split + 1, 0))
      try compile(branch)
      jumps.append(program.count)
      try emit(.jump(0))
      program[split] = .split(split + 1, program.count)
    }
    for jump in jumps { program[jump] = .jump(program.count) }
  }

  private mutating func compile(_ inner: PatternNode, min: Int, max: Int?, lazy: Bool) throws(RewardError) {
    guard let max else { return try compileUnbounded(inner, min: min, lazy: lazy) }
    for _ in 0..<min { try compile(inner) }
    var splits: [Int] = []
    for _ in min..<max {
      splits.append(program.count)
      try emit(.split(0, 0))
      try compile(inner)
    }
    for split in splits { program[split] = choice(split + 1, program.count, lazy) }
  }

  private mutating func compileUnbounded(_ inner: PatternNode, min: Int, lazy: Bool) throws(RewardError) {
    if min == 0 && !inner.matchesEmpty {
      let split = program.count
      try emit(.split(0, 0))
      try compile(inner)
      try emit(.jump(split))
      program[split] = choice(split + 1, program.count, lazy)
      return
    }
    // As (x+)? where x may be empty: x* would prefer a longer match over the empty one that came first.
    let skip = program.count
    if min == 0 { try emit(.split(0, 0)) }
    for _ in 1..<Swift.max(min, 1) { try compile(inner) }
    let loop = program.count
    try compile(inner)
    try emit(choice(loop, program.count + 1, lazy))
    if min == 0 { program[skip] = choice(skip + 1, program.count, lazy) }
  }

  private func choice(_ into: Int, _ past: Int, _ lazy: Bool) -> Pattern.Instruction {
    lazy ? .split(past, into) : .split(into, past)
  }
}

extension PatternNode {
  /// Whether the node can match without reading a byte.
  var matchesEmpty: Bool {
    switch self {
    case .empty, .assertion: true
    case .bytes, .character: false
    case .capture(let inner): inner.matchesEmpty
    case .sequence(let parts): parts.allSatisfy(\.matchesEmpty)
    case .choice(let branches): branches.contains(where: \.matchesEmpty)
    case .repetition(let inner, let min, _, _): min == 0 || inner.matchesEmpty
    }
  }
}
