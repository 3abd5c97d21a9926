import Foundation

/// Unicode normalisation form C (UAX #15): canonical decomposition, canonical order, canonical composition.
///
/// Written out because `precomposedStringWithCanonicalMapping` of Foundation on Linux is wrong for some texts: it takes
/// U+30075 U+0301 for "u" with an acute accent, and leaves marks before U+0F73 out of order. The data are asked of the
/// platform one scalar at a time, which is right: decompositions of Foundation, combining classes of the standard
/// library.
struct CanonicalComposition: Sendable {
  static let shared = CanonicalComposition()

  /// The scalars that have a canonical decomposition, as of Unicode 16, other than Hangul syllables.
  private static let decomposable: [ClosedRange<UInt32>] = [
    0xC0...0x30FF, 0xF900...0xFB4F, 0x10500...0x119FF, 0x16100...0x16D7F, 0x1D100...0x1D1FF, 0x2F800...0x2FA1F,
  ]
  /// The tokenizers library composes by the tables of Unicode 9; scalars of later versions are left alone, as there.
  private static let newestAge = 9
  /// Combining marks are below this.
  private static let tableEnd: UInt32 = 0x1F000

  private var decompositions: [UInt32: [UInt32]] = [:]
  /// From a pair of scalars, the first in the high half, to what it composes to.
  private var compositions: [UInt64: UInt32] = [:]
  private var combiningClasses: [UInt8]
  /// Scalars that may be changed, or change with what stands before them; a text of others is its own form C.
  private var isActive: [Bool]

  private init() {
    combiningClasses = (0..<Self.tableEnd).map { value in
      guard let scalar = Unicode.Scalar(value), Self.isKnown(scalar) else { return 0 }
      return scalar.properties.canonicalCombiningClass.rawValue
    }
    isActive = combiningClasses.map { $0 != 0 }
    // The vowels and final consonants of Hangul.
    for scalar in 0x1161...0x1175 { isActive[scalar] = true }
    for scalar in 0x11A8...0x11C2 { isActive[scalar] = true }
    for range in Self.decomposable {
      for value in range { addDecomposition(value) }
    }
  }

  private static func isKnown(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.age.map { $0.major <= newestAge } ?? false
  }

  private mutating func addDecomposition(_ value: UInt32) {
    guard let scalar = Unicode.Scalar(value), Self.isKnown(scalar) else { return }
    let text = String(scalar)
    let decomposed = text.decomposedStringWithCanonicalMapping.unicodeScalars.map(\.value)
    guard decomposed != [value] else { return }
    decompositions[value] = decomposed
    guard text.precomposedStringWithCanonicalMapping.unicodeScalars.map(\.value) == [value] else {
      // A singleton, or excluded from composition: never in form C.
      if value < Self.tableEnd { isActive[Int(value)] = true }
      return
    }
    // A composite is made of two: of what all but the last scalar compose to, and the last.
    var head = ""
    for part in decomposed.dropLast() { Unicode.Scalar(part).map { head.unicodeScalars.append($0) } }
    let first = head.precomposedStringWithCanonicalMapping.unicodeScalars.map(\.value)
    guard first.count == 1, let second = decomposed.last else { return }
    compositions[UInt64(first[0]) << 32 | UInt64(second)] = value
    isActive[Int(second)] = true
  }

  /// Form C of valid UTF-8.
  func compose(_ text: [UInt8]) -> [UInt8] {
    // Below U+0300, whose UTF-8 begins with 0xCC, nothing changes.
    guard text.contains(where: { $0 >= 0xCC }) else { return text }
    let scalars = text.withUnsafeBufferPointer { bytes in
      let view = ScalarView(bytes)
      var scalars: [UInt32] = []
      scalars.reserveCapacity(bytes.count)
      var index = 0
      while index < bytes.count {
        let (value, length) = view.scalar(at: index)
        scalars.append(value)
        index += length
      }
      return scalars
    }
    guard scalars.contains(where: mayChange) else { return text }
    var decomposed: [UInt32] = []
    decomposed.reserveCapacity(scalars.count)
    for scalar in scalars { append(scalar, to: &decomposed) }
    order(&decomposed)
    compose(&decomposed)
    var result: [UInt8] = []
    result.reserveCapacity(text.count)
    for scalar in decomposed { Unicode.Scalar(scalar).map { result.append(contentsOf: UTF8.encode($0) ?? .init()) } }
    return result
  }

  private func mayChange(_ scalar: UInt32) -> Bool {
    scalar < Self.tableEnd ? isActive[Int(scalar)] : (0x2F800...0x2FA1F).contains(scalar)
  }

  private func combiningClass(_ scalar: UInt32) -> UInt8 {
    scalar < Self.tableEnd ? combiningClasses[Int(scalar)] : 0
  }

  private func append(_ scalar: UInt32, to result: inout [UInt32]) {
    if let parts = decompositions[scalar] {
      result += parts
    } else if Hangul.syllables.contains(scalar) {
      let index = scalar - Hangul.syllables.lowerBound
      result.append(Hangul.leading + index / Hangul.perLeading)
      result.append(Hangul.vowel + index % Hangul.perLeading / Hangul.trailingCount)
      if index % Hangul.trailingCount > 0 { result.append(Hangul.trailing + index % Hangul.trailingCount) }
    } else {
      result.append(scalar)
    }
  }

  /// Sorts each run of marks by combining class, equals in their order.
  private func order(_ scalars: inout [UInt32]) {
    var index = 0
    while index < scalars.count {
      guard combiningClass(scalars[index]) != 0 else {
        index += 1
        continue
      }
      let start = index
      while index < scalars.count, combiningClass(scalars[index]) != 0 { index += 1 }
      guard index - start > 1 else { continue }
      let run = scalars[start..<index].enumerated().sorted { a, b in
        (combiningClass(a.element), a.offset) < (combiningClass(b.element), b.offset)
      }
      scalars.replaceSubrange(start..<index, with: run.map(\.element))
    }
  }

  private func compose(_ scalars: inout [UInt32]) {
    var kept = 0
    var starter: Int?
    var lastClass: UInt8 = 0
    for index in scalars.indices {
      let scalar = scalars[index]
      let ownClass = combiningClass(scalar)
      if let place = starter {
        // Blocked by a scalar in between whose class is 0 or not below its own.
        let isBlocked = place + 1 < kept && (lastClass == 0 || lastClass >= ownClass)
        if !isBlocked, let composite = composite(scalars[place], scalar) {
          scalars[place] = composite
          continue
        }
      }
      if ownClass == 0 { starter = kept }
      lastClass = ownClass
      scalars[kept] = scalar
      kept += 1
    }
    scalars.removeLast(scalars.count - kept)
  }

  private func composite(_ first: UInt32, _ second: UInt32) -> UInt32? {
    if Hangul.leadings.contains(first), Hangul.vowels.contains(second) {
      return Hangul.syllables.lowerBound + (first - Hangul.leading) * Hangul.perLeading
        + (second - Hangul.vowel) * Hangul.trailingCount
    }
    if Hangul.syllables.contains(first), (first - Hangul.syllables.lowerBound) % Hangul.trailingCount == 0,
      Hangul.trailings.contains(second)
    {
      return first + second - Hangul.trailing
    }
    return compositions[UInt64(first) << 32 | UInt64(second)]
  }
}

/// The arithmetic of Hangul syllables (The Unicode Standard, section 3.12).
private enum Hangul {
  static let syllables: ClosedRange<UInt32> = 0xAC00...0xD7A3
  static let leadings: ClosedRange<UInt32> = 0x1100...0x1112
  static let vowels: ClosedRange<UInt32> = 0x1161...0x1175
  static let trailings: ClosedRange<UInt32> = 0x11A8...0x11C2
  static let leading: UInt32 = 0x1100
  static let vowel: UInt32 = 0x1161
  /// One before the first: a syllable without final consonant has index 0.
  static let trailing: UInt32 = 0x11A7
  static let trailingCount: UInt32 = 28
  static let perLeading: UInt32 = 21 * 28
}
