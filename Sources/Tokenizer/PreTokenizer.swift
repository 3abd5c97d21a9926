import Formats

/// How a stretch of text is cut into the pieces that BPE then works on, one by one.
struct PreTokenizer: Hashable, Sendable {
  /// One step of the field `pre_tokenizer`; each works on every piece of the step before.
  enum Step: Hashable, Sendable {
    /// `Split` by a known pattern, each match a piece of its own.
    case split(SplitPattern)
    /// `Digits`: numbers (`\p{N}`) are cut out, one by one or run by run.
    case digits(individual: Bool)
    /// The part of `ByteLevel` that sees text: an optional space in front, the GPT-2 split where `split` is set.
    case byteLevel(addPrefixSpace: Bool, split: Bool)
    /// `Metaspace`: spaces become `replacement`, which also goes in front as `prepend` says.
    case metaspace(replacement: String, prepend: MetaspacePrepend, split: Bool)
  }

  /// When `Metaspace` puts its replacement in front of a piece that does not begin with it.
  enum MetaspacePrepend: String, Sendable {
    case always
    /// Only at the very start of the whole text.
    case first
    case never
  }

  var steps: [Step]

  /// Whether every byte is spelled in the byte alphabet (any `ByteLevel` step).
  var isByteLevel: Bool {
    steps.contains { if case .byteLevel = $0 { true } else { false } }
  }
}

/// Text cut into pieces: `bytes` (valid UTF-8), and the end of each piece.
struct Pieces {
  var bytes: [UInt8] = []
  var ends: [Int] = []
  private var nextEnds: [Int] = []

  init() {}

  /// Starts over with one piece, the whole text.
  mutating func set(_ text: UnsafeBufferPointer<UInt8>) {
    bytes.removeAll(keepingCapacity: true)
    bytes.append(contentsOf: text)
    ends.removeAll(keepingCapacity: true)
    if !bytes.isEmpty { ends.append(bytes.count) }
  }

  /// Applies the steps in order.
  /// - Parameter isStart: the text is the very start of what is encoded.
  mutating func apply(_ preTokenizer: PreTokenizer, isStart: Bool) {
    for step in preTokenizer.steps {
      switch step {
      case .split(let pattern):
        cut { pattern.split($0, from: $1, to: $2, ends: &$3) }
      case .digits(let individual):
        cut { Self.splitDigits($0, from: $1, to: $2, individual: individual, ends: &$3) }
      case .byteLevel(let addPrefixSpace, let split):
        if addPrefixSpace { prependToPieces([UInt8(ascii: " ")], onlyFirst: false) }
        if split { cut { SplitPattern.gpt2.split($0, from: $1, to: $2, ends: &$3) } }
      case .metaspace(let replacement, let prepend, let split):
        let mark = Array(replacement.utf8)
        replaceSpaces(by: mark)
        if prepend == .always || (prepend == .first && isStart) {
          prependToPieces(mark, onlyFirst: prepend == .first)
        }
        if split { cut { Self.splitBefore(mark, $0, from: $1, to: $2, ends: &$3) } }
      }
    }
  }

  /// Cuts every piece further; `body` appends the ends inside of the piece.
  private mutating func cut(_ body: (ScalarView, Int, Int, inout [Int]) -> Void) {
    nextEnds.removeAll(keepingCapacity: true)
    bytes.withUnsafeBufferPointer { bytes in
      let text = ScalarView(bytes)
      var start = 0
      for end in ends {
        body(text, start, end, &nextEnds)
        start = end
      }
    }
    swap(&ends, &nextEnds)
  }

  private static func splitDigits(
    _ text: ScalarView, from start: Int, to end: Int, individual: Bool, ends: inout [Int]
  ) {
    var index = start
    var previous: ScalarClass?
    while index < end {
      let (kind, length) = text.classAndLength(at: index)
      if let previous, kind == .number ? individual || previous != .number : previous == .number { ends.append(index) }
      previous = kind
      index += length
    }
    if end > start { ends.append(end) }
  }

  /// Cuts every piece in front of each run of marks.
  mutating func cutBeforeRuns(of mark: [UInt8]) {
    guard let first = mark.first else { return }
    cut { text, start, end, ends in
      var index = start, afterMark = true
      while index < end {
        let isMark = text.bytes[index] == first && text.bytes[index..<end].starts(with: mark)
        if isMark, !afterMark { ends.append(index) }
        afterMark = isMark
        index += isMark ? mark.count : 1
      }
      if end > start { ends.append(end) }
    }
  }

  private static func splitBefore(
    _ mark: [UInt8], _ text: ScalarView, from start: Int, to end: Int, ends: inout [Int]
  ) {
    var index = start
    while index < end {
      if index > start, text.bytes[index..<end].starts(with: mark) { ends.append(index) }
      index += text.scalar(at: index).length
    }
    if end > start { ends.append(end) }
  }

  private mutating func prependToPieces(_ mark: [UInt8], onlyFirst: Bool) {
    var changed: [UInt8] = []
    changed.reserveCapacity(bytes.count + mark.count * (onlyFirst ? 1 : ends.count))
    var start = 0
    for (place, end) in ends.enumerated() {
      let piece = bytes[start..<end]
      if !piece.starts(with: mark), place == 0 || !onlyFirst { changed += mark }
      changed += piece
      ends[place] = changed.count
      start = end
    }
    bytes = changed
  }

  private mutating func replaceSpaces(by mark: [UInt8]) {
    var changed: [UInt8] = []
    changed.reserveCapacity(bytes.count + bytes.count / 2)
    var start = 0
    for (place, end) in ends.enumerated() {
      for byte in bytes[start..<end] {
        if byte == UInt8(ascii: " ") { changed += mark } else { changed.append(byte) }
      }
      ends[place] = changed.count
      start = end
    }
    bytes = changed
  }
}
