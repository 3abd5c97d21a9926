/// Byte tests and searches on UTF-8 text. White space is ASCII's six characters, as `\s` and trimming mean it here.

@inline(__always)
func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (byte >= 0x09 && byte <= 0x0D) }

@inline(__always)
func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }

@inline(__always)
func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7A }

@inline(__always)
func lowercased(_ byte: UInt8) -> UInt8 { byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte }

extension [UInt8] {
  /// Whether `word` stands at `index`, inside `[index, end)`.
  @inline(__always)
  func has(_ word: StaticString, at index: Int, end: Int) -> Bool {
    let count = word.utf8CodeUnitCount
    guard index >= 0, index + count <= end else { return false }
    let other = word.utf8Start
    for offset in 0..<count where self[index + offset] != other[offset] { return false }
    return true
  }

  /// The same without regard to the case of ASCII letters; `word` is lower case.
  func hasFolded(_ word: StaticString, at index: Int, end: Int) -> Bool {
    let count = word.utf8CodeUnitCount
    guard index >= 0, index + count <= end else { return false }
    let other = word.utf8Start
    for offset in 0..<count where lowercased(self[index + offset]) != other[offset] { return false }
    return true
  }

  /// The first place of `word` inside `range`, or nil. Words are short, so this is linear in practice and in the worst
  /// case bounded by text · word.
  func first(_ word: StaticString, in range: Range<Int>) -> Int? {
    let (count, range) = (word.utf8CodeUnitCount, range.clamped(to: 0..<self.count))
    guard count > 0, range.count >= count else { return nil }
    let end = range.upperBound - count + 1
    return withUnsafeBufferPointer { bytes in
      var index = range.lowerBound
      while true {
        index = bytes.firstIndex(of: word.utf8Start[0], from: index, to: end)
        guard index < end else { return nil }
        if has(word, at: index, end: range.upperBound) { return index }
        index += 1
      }
    }
  }

  /// The last place of `word` inside `range`, or nil.
  func last(_ word: StaticString, in range: Range<Int>) -> Int? {
    let (count, range) = (word.utf8CodeUnitCount, range.clamped(to: 0..<self.count))
    guard count > 0, range.count >= count else { return nil }
    return withUnsafeBufferPointer { bytes in
      var end = range.upperBound - count + 1
      while let index = bytes.lastIndex(of: word.utf8Start[0], from: range.lowerBound, to: end) {
        if has(word, at: index, end: range.upperBound) { return index }
        end = index
      }
      return nil
    }
  }

  /// How often `word` occurs, occurrences not overlapping, counted from the left.
  func occurrences(of word: StaticString) -> Int {
    var count = 0
    var rest = 0..<self.count
    while let place = first(word, in: rest) {
      count += 1
      rest = (place + word.utf8CodeUnitCount)..<self.count
    }
    return count
  }

  /// `range` without white space at its ends.
  func trimmed(_ range: Range<Int>) -> Range<Int> {
    var (start, end) = (range.lowerBound, range.upperBound)
    while start < end && isSpace(self[start]) { start += 1 }
    while end > start && isSpace(self[end - 1]) { end -= 1 }
    return start..<end
  }

  /// Appends the values of the digits from `start` on, and returns where they end.
  func digits(at start: Int, end: Int, into digits: inout [UInt8]) -> Int {
    var index = start
    while index < end, isDigit(self[index]) {
      digits.append(self[index] - 0x30)
      index += 1
    }
    return index
  }

  /// The next index that holds no white space, at most `end`.
  func skippingSpace(_ index: Int, end: Int) -> Int {
    var index = index
    while index < end && isSpace(self[index]) { index += 1 }
    return index
  }
}

extension UnsafeBufferPointer<UInt8> {
  /// The first place of a byte in `[start, end)`, 16 at a time; `end` where there is none.
  fileprivate func firstIndex(of byte: UInt8, from start: Int, to end: Int) -> Int {
    guard let base = baseAddress else { return end }
    let wanted = SIMD16<UInt8>(repeating: byte)
    var index = start
    while index + 16 <= end {
      let bytes = UnsafeRawPointer(base + index).loadUnaligned(as: SIMD16<UInt8>.self)
      if any(bytes .== wanted) { break }
      index += 16
    }
    while index < end, self[index] != byte { index += 1 }
    return index
  }

  /// The last place of a byte in `[start, end)`, or nil.
  fileprivate func lastIndex(of byte: UInt8, from start: Int, to end: Int) -> Int? {
    guard let base = baseAddress else { return nil }
    let wanted = SIMD16<UInt8>(repeating: byte)
    var index = end
    while index - 16 >= start {
      let bytes = UnsafeRawPointer(base + index - 16).loadUnaligned(as: SIMD16<UInt8>.self)
      if any(bytes .== wanted) { break }
      index -= 16
    }
    while index > start {
      index -= 1
      if self[index] == byte { return index }
    }
    return nil
  }
}
