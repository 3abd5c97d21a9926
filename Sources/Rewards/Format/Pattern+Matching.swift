extension Pattern {
  /// The leftmost match, in time text · program.
  package func firstMatch(in text: [UInt8]) -> Match? {
    var current = Threads(capacity: program.count)
    var next = Threads(capacity: program.count)
    var stack: [Threads.Work] = []
    var found: Slots?
    for position in 0...text.count {
      if found == nil { follow(0, Slots(), &current, &stack, text, position) }
      if current.count == 0 {
        if found != nil { break }
        current.removeAll()
        continue
      }
      var place = 0
      while place < current.count {
        let slots = current.slots[place]
        switch program[current.counters[place]] {
        case .bytes(let set) where position < text.count && set.contains(text[position]):
          follow(current.counters[place] + 1, slots, &next, &stack, text, position + 1)
        case .match:
          // Threads behind this one are less preferred: cut them off.
          found = slots
          place = current.count
        default: break
        }
        place += 1
      }
      swap(&current, &next)
      next.removeAll()
    }
    guard let found, found.start >= 0, found.end >= found.start else { return nil }
    let hasGroup = found.groupStart >= 0 && found.groupEnd >= found.groupStart
    return Match(range: found.start..<found.end, group: hasGroup ? found.groupStart..<found.groupEnd : nil)
  }

  /// Adds `counter` and everything it reaches without reading a byte, in order of preference.
  private func follow(
    _ counter: Int, _ slots: Slots, _ threads: inout Threads, _ stack: inout [Threads.Work], _ text: [UInt8],
    _ position: Int
  ) {
    stack.append(Threads.Work(counter: counter, slots: slots))
    while var work = stack.popLast() {
      guard threads.visit(work.counter) else { continue }
      switch program[work.counter] {
      case .jump(let target):
        work.counter = target
        stack.append(work)
      case .split(let first, let second):
        stack.append(Threads.Work(counter: second, slots: work.slots))
        stack.append(Threads.Work(counter: first, slots: work.slots))
      case .save(let slot):
        work.slots.set(slot, position)
        work.counter += 1
        stack.append(work)
      case .check(let assertion):
        guard holds(assertion, text, position) else { continue }
        work.counter += 1
        stack.append(work)
      case .bytes, .match: threads.append(work.counter, work.slots)
      }
    }
  }

  private func holds(_ assertion: Assertion, _ text: [UInt8], _ position: Int) -> Bool {
    switch assertion {
    case .textStart: return position == 0
    case .textEnd: return position == text.count
    case .beforeFinalBreak:
      return position == text.count || (position == text.count - 1 && text[position] == 0x0A)
    case .lineStart: return position == 0 || text[position - 1] == 0x0A
    case .lineEnd: return position == text.count || text[position] == 0x0A
    case .wordEdge, .noWordEdge:
      let before = position > 0 && ByteSet.word.contains(text[position - 1])
      let after = position < text.count && ByteSet.word.contains(text[position])
      return (before != after) == (assertion == .wordEdge)
    }
  }

  /// Where a thread's match and first group begin and end; −1 = not yet.
  struct Slots {
    var start = -1
    var end = -1
    var groupStart = -1
    var groupEnd = -1

    mutating func set(_ slot: Int, _ position: Int) {
      switch slot {
      case 0: start = position
      case 1: end = position
      case 2: groupStart = position
      default: groupEnd = position
      }
    }
  }

  /// The live threads of one position in order of preference, each place of the program at most once.
  struct Threads {
    struct Work {
      var counter: Int
      var slots: Slots
    }

    private(set) var counters: [Int] = []
    private(set) var slots: [Slots] = []
    private var seen: [Int]
    private var generation = 1

    init(capacity: Int) { seen = Array(repeating: 0, count: capacity) }

    var count: Int { counters.count }

    /// Whether this is the first visit at this position.
    mutating func visit(_ counter: Int) -> Bool {
      guard seen[counter] != generation else { return false }
      seen[counter] = generation
      return true
    }

    mutating func append(_ counter: Int, _ slots: Slots) {
      counters.append(counter)
      self.slots.append(slots)
    }

    mutating func removeAll() {
      counters.removeAll(keepingCapacity: true)
      slots.removeAll(keepingCapacity: true)
      generation += 1
    }
  }
}
