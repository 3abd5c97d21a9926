/// English numbers up to the millions, and simple fractions: "forty-two", "two thirds".
struct NumberWords {
  private var total: Int128 = 0
  private var current: Int128 = 0
  private var bottom: Int128 = 1
  private var count = 0

  static let values: [String: Int128] = [
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16,
    "seventeen": 17, "eighteen": 18, "nineteen": 19, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50,
    "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
  ]
  static let parts: [String: Int128] = [
    "half": 2, "halves": 2, "third": 3, "thirds": 3, "quarter": 4, "quarters": 4, "fourth": 4, "fourths": 4,
    "fifth": 5, "fifths": 5, "sixth": 6, "sixths": 6, "seventh": 7, "sevenths": 7, "eighth": 8, "eighths": 8,
    "ninth": 9, "ninths": 9, "tenth": 10, "tenths": 10,
  ]

  /// The value so far; nil without a word.
  var value: ExactNumber? {
    guard count > 0 else { return nil }
    return ExactNumber(total + current).divided(by: ExactNumber(bottom))
  }

  /// Adds a word (or words with hyphens or spaces between); false, and nothing added, where it does not continue the
  /// number.
  mutating func add(_ text: some Collection<UInt8>) -> Bool {
    guard text.count <= 40 else { return false }
    var copy = self
    for word in text.split(whereSeparator: { $0 == UInt8(ascii: "-") || isSpace($0) }) {
      guard copy.add(word: String(decoding: word.map(lowercased), as: UTF8.self)) else { return false }
    }
    self = copy
    return true
  }

  private mutating func add(word: String) -> Bool {
    guard bottom == 1, count < 12 else { return false }
    if let number = Self.values[word] {
      // "forty two", "two hundred five", but not "five six".
      let fits = number < 10 ? current % 10 == 0 && current % 100 != 10 : current % 100 == 0
      guard count == 0 || (number > 0 && fits) else { return false }
      current += number
    } else if let part = Self.parts[word] {
      bottom = part
      if count == 0 { current = 1 }
    } else if word == "hundred", current > 0, current < 10 {
      current *= 100
    } else if word == "thousand", current > 0, current < 1000, total < 1000 {
      total += current * 1000
      current = 0
    } else if word == "million", current > 0, current < 1000, total == 0 {
      total = current * 1_000_000
      current = 0
    } else {
      return false
    }
    count += 1
    return true
  }
}
