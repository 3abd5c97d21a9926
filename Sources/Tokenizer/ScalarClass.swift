/// The classes of characters that the split patterns tell apart: `\p{L}`, `\p{N}`, `\s` (White_Space) and the rest.
enum ScalarClass: UInt8 {
  case other
  case letter
  case number
  case space
}

/// The class of every scalar, by table for the Basic Multilingual Plane.
///
/// Letters and numbers that came with a Unicode version after 16 count as `other`: that is what the `tokenizers`
/// library (Oniguruma) knows, and it keeps ids independent of the Unicode version of the Swift runtime.
struct ScalarClasses: Sendable {
  static let shared = ScalarClasses()
  private static let newestAge = 16

  private let basic: [ScalarClass]

  private init() {
    basic = (UInt32(0)..<0x10000).map { Unicode.Scalar($0).map(Self.lookUp) ?? .other }
  }

  @inline(__always)
  subscript(scalar: UInt32) -> ScalarClass {
    scalar < 0x10000 ? basic[Int(scalar)] : Unicode.Scalar(scalar).map(Self.lookUp) ?? .other
  }

  private static func lookUp(_ scalar: Unicode.Scalar) -> ScalarClass {
    let properties = scalar.properties
    switch properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter:
      return isKnown(properties) ? .letter : .other
    case .decimalNumber, .letterNumber, .otherNumber:
      return isKnown(properties) ? .number : .other
    default:
      return properties.isWhitespace ? .space : .other
    }
  }

  /// Whether the scalar was there by the newest version of Unicode that counts.
  static func isKnown(_ properties: Unicode.Scalar.Properties) -> Bool {
    properties.age.map { $0.major <= newestAge } ?? false
  }
}

/// A view of valid UTF-8 by scalars. The bytes come from a `String`, so they are not checked again.
struct ScalarView {
  let bytes: UnsafeBufferPointer<UInt8>
  let classes: ScalarClasses

  init(_ bytes: UnsafeBufferPointer<UInt8>) {
    self.bytes = bytes
    classes = .shared
  }

  /// The scalar that begins at `index`, and how many bytes it takes.
  @inline(__always)
  func scalar(at index: Int) -> (value: UInt32, length: Int) {
    let lead = bytes[index]
    if lead < 0x80 { return (UInt32(lead), 1) }
    let a = UInt32(bytes[index + 1] & 0x3F)
    if lead < 0xE0 { return (UInt32(lead & 0x1F) << 6 | a, 2) }
    let b = UInt32(bytes[index + 2] & 0x3F)
    if lead < 0xF0 { return (UInt32(lead & 0x0F) << 12 | a << 6 | b, 3) }
    let c = UInt32(bytes[index + 3] & 0x3F)
    return (UInt32(lead & 0x07) << 18 | a << 12 | b << 6 | c, 4)
  }

  /// The class of the scalar that begins at `index`, and how many bytes it takes.
  @inline(__always)
  func classAndLength(at index: Int) -> (kind: ScalarClass, length: Int) {
    let (value, length) = scalar(at: index)
    return (classes[value], length)
  }

  /// The end of the run of scalars of one class that begins at `start`; `start` itself when there is none.
  @inline(__always)
  func runEnd(of kind: ScalarClass, from start: Int, to end: Int) -> Int {
    var index = start
    while index < end {
      let (found, length) = classAndLength(at: index)
      if found != kind { break }
      index += length
    }
    return index
  }
}
