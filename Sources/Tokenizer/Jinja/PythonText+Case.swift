/// Upper and lower case as Python's strings have them.
extension PythonText {
  static func uppercased(_ text: String) -> String {
    map(text) { $0.properties.uppercaseMapping }
  }

  /// A sigma at the end of a word becomes a final one.
  static func lowercased(_ text: String) -> String {
    let scalars = Array(text.unicodeScalars)
    guard scalars.contains("\u{3A3}") else { return map(text) { $0.properties.lowercaseMapping } }
    var result = ""
    for (place, scalar) in scalars.enumerated() {
      result +=
        scalar == "\u{3A3}"
        ? (isFinal(place, scalars) ? "\u{3C2}" : "\u{3C3}") : scalar.properties.lowercaseMapping
    }
    return result
  }

  private static func isFinal(_ place: Int, _ scalars: [Unicode.Scalar]) -> Bool {
    let before = scalars[..<place].last { !$0.properties.isCaseIgnorable }
    let after = scalars[(place + 1)...].first { !$0.properties.isCaseIgnorable }
    return before?.properties.isCased == true && after?.properties.isCased != true
  }

  private static func map(_ text: String, _ mapping: (Unicode.Scalar) -> String) -> String {
    var result = ""
    result.reserveCapacity(text.utf8.count)
    for scalar in text.unicodeScalars { result += mapping(scalar) }
    return result
  }

  static func hasCase(_ text: String) -> Bool {
    text.unicodeScalars.contains { $0.properties.isCased }
  }

  /// `str.capitalize()`
  static func capitalized(_ text: String) -> String {
    guard let first = text.unicodeScalars.first else { return "" }
    // Lower case is taken of the whole, for the sake of a final sigma.
    let lower = lowercased(text).unicodeScalars
    return first.properties.titlecaseMapping
      + String(lower.dropFirst(first.properties.lowercaseMapping.unicodeScalars.count))
  }

  /// `str.title()`: every run of cased letters begins with a capital.
  static func titlecased(_ text: String) -> String {
    let scalars = Array(text.unicodeScalars)
    var result = ""
    var isInside = false
    for (place, scalar) in scalars.enumerated() {
      if isInside, scalar == "\u{3A3}" {
        result += isFinal(place, scalars) ? "\u{3C2}" : "\u{3C3}"
      } else {
        result += isInside ? scalar.properties.lowercaseMapping : scalar.properties.titlecaseMapping
      }
      isInside = scalar.properties.isCased
    }
    return result
  }

  /// The filter `title`: what follows white space, a dash or an opening bracket begins with a capital.
  static func filterTitlecased(_ text: String) -> String {
    var result = ""
    var word = ""
    func isBreak(_ scalar: Unicode.Scalar) -> Bool {
      JinjaSource.isSpace(scalar) || "-({[<".unicodeScalars.contains(scalar)
    }
    func finish() {
      guard let first = word.unicodeScalars.first else { return }
      result +=
        first.properties.uppercaseMapping + lowercased(String(word.unicodeScalars.dropFirst()))
      word = ""
    }
    for scalar in text.unicodeScalars {
      if isBreak(scalar) {
        finish()
        result.unicodeScalars.append(scalar)
      } else {
        word.unicodeScalars.append(scalar)
      }
    }
    finish()
    return result
  }
}
