/// Units that are known to convert. All others are dropped: "5 apples" is 5.
enum Units {
  enum Dimension { case length, mass, time, volume, money, none }

  struct Unit {
    let dimension: Dimension
    /// How many of the dimension's base unit it is.
    let factor: (top: Int128, bottom: Int128)
  }

  private static func row(_ dimension: Dimension, _ top: Int128, _ bottom: Int128, _ names: [String]) -> [(String, Unit)]
  {
    names.map { ($0, Unit(dimension: dimension, factor: (top, bottom))) }
  }

  private static let table: [String: Unit] = Dictionary(
    uniqueKeysWithValues: [
      row(.length, 1, 1000, ["mm", "millimeter", "millimeters", "millimetre", "millimetres"]),
      row(.length, 1, 100, ["cm", "centimeter", "centimeters", "centimetre", "centimetres"]),
      row(.length, 1, 1, ["m", "meter", "meters", "metre", "metres"]),
      row(.length, 1000, 1, ["km", "kilometer", "kilometers", "kilometre", "kilometres"]),
      row(.length, 254, 10000, ["in", "inch", "inches"]), row(.length, 3048, 10000, ["ft", "foot", "feet"]),
      row(.length, 9144, 10000, ["yd", "yard", "yards"]), row(.length, 1_609_344, 1000, ["mi", "mile", "miles"]),
      row(.mass, 1, 1000, ["mg", "milligram", "milligrams"]), row(.mass, 1, 1, ["g", "gram", "grams"]),
      row(.mass, 1000, 1, ["kg", "kilogram", "kilograms"]), row(.mass, 1_000_000, 1, ["t", "ton", "tons", "tonnes"]),
      row(.time, 1, 1000, ["ms", "millisecond", "milliseconds"]), row(.time, 1, 1, ["s", "sec", "second", "seconds"]),
      row(.time, 60, 1, ["min", "mins", "minute", "minutes"]), row(.time, 3600, 1, ["h", "hr", "hrs", "hour", "hours"]),
      row(.time, 86400, 1, ["day", "days"]), row(.time, 604800, 1, ["week", "weeks"]),
      row(.volume, 1, 1000, ["ml", "milliliter", "milliliters"]), row(.volume, 1, 1, ["l", "liter", "liters", "litre"]),
      row(.money, 1, 100, ["cent", "cents"]), row(.money, 1, 1, ["dollar", "dollars", "usd"]),
      row(.none, 1000, 1, ["k", "thousand"]), row(.none, 1_000_000, 1, ["million", "M"]),
      row(.none, 1_000_000_000, 1, ["billion"]),
    ].joined().map { $0 })

  /// The unit that words name; nil for unknown ones and for products of units.
  static func named(_ words: [UInt8]) -> Unit? {
    guard words.count <= 16 else { return nil }
    let name = String(decoding: words, as: UTF8.self)
    return table[name] ?? table[name.lowercased()]
  }

  /// Single letters that are units behind a number.
  static func isLetter(_ letter: UInt8) -> Bool { "mgshlLtkNJWVKC".utf8.contains(letter) }

  /// Words that say something about the value, so that it is no unit: "5 is wrong".
  static func isClaim(_ words: some Collection<UInt8>) -> Bool {
    let claims: Set<String> = [
      "is", "are", "was", "were", "be", "not", "wrong", "incorrect", "but", "then", "if", "because", "so", "no",
      "where", "which", "that", "with", "to", "versus", "maybe", "instead", "except", "than",
    ]
    return words.split(whereSeparator: isSpace).contains { word in
      word.count <= 10 && claims.contains(String(decoding: word.map(lowercased), as: UTF8.self))
    }
  }
}
