/// Letters as lines, for pictures made of pixels. Every character is as wide as the others.
package enum StrokeFont {
  /// Strokes from space to `~`. A stroke is its points, a digit for x (0 … 4) and one for y (0 … 8, downwards; capitals
  /// reach from 0 to the baseline 6, small letters from 2, descenders to 8); one point alone is a dot.
  package static let ascii = [
    "", "2024 26", "1012 3032", "1016 3036 0242 0444", "413010010213334445361605 2026", "4006 11 35",
    "460201102031320405162644", "2022", "30121436", "10323416", "2125 0244 4204", "2125 0343", "2617", "1333", "26",
    "0640",
    // 0 … 9
    "103041453616050110", "112026 1636", "01103041420646", "01103041423313 334445361605", "36300444",
    "400003334445361605", "413010010516364544331304", "004016", "103041423313020110 1304051636454433",
    "051636454130100102133342",
    // : ; < = > ? @
    "23 26", "23 2617", "410345", "0242 0444", "014305", "01103041422324 26", "32344441301001051646 3222132434",
    // A … Z
    "062046 1434", "00063645443303 3342413000", "4130100105163645", "00062644422000", "40000646 0333", "400006 0333",
    "41301001051636454323", "0006 4046 0343", "1030 2026 1636", "4045361605", "0006 4004 1346", "000646",
    "0600234046", "06004640", "103041453616050110", "06003041423303", "103041453616050110 2446",
    "06003041423303 2346", "413010010213334445361605", "0040 2026", "000516364540", "002640", "0016233640",
    "0046 4006", "002340 2326", "00400646",
    // [ \ ] ^ _ `
    "30101636", "0046", "10303616", "022042", "0747", "1021",
    // a … z
    "12324346 441405163645", "0006 0312324345361605", "4332120305163645", "4046 4332120305163645",
    "04444332120305163645", "30201116 0232", "4247381807 4332120305163645", "0006 0312324346", "2226 20",
    "32372818 30", "0006 4205 1446", "202536", "0206 03122326 23324346", "0206 0312324346", "123243453616050312",
    "0208 0312324345361605", "4248 4332120305163645", "0206 03123243", "43321203143445361605", "10152636 0232",
    "0205163645 4246", "022642", "0216243642", "0246 4206", "0226 4218", "02420646",
    // { | } ~
    "30212213242536", "2027", "10212233242516", "04133443",
  ]
  private static let others: [Unicode.Scalar: String] = [
    "√": "04132640", "±": "2024 0242 0646", "×": "0246 4206", "–": "0343", "…": "06 26 46",
  ]
  /// What stands for any other character.
  private static let box = "0040460600"

  /// Widths and heights as shares of the font's size.
  private static let unit = (x: 0.1, y: 0.12)
  private static let advance = 0.56

  /// The lines of a text, its anchor on the baseline at a point.
  static func strokes(_ text: String, at point: Scene.Point, size: Double, _ anchor: Scene.Anchor) -> [[Scene.Point]] {
    let width = (Double(text.count) * advance - (advance - 4 * unit.x)) * size
    var left = point.x - (anchor == .start ? 0 : anchor == .middle ? width / 2 : width)
    var lines: [[Scene.Point]] = []
    for character in text {
      for stroke in glyph(character).split(separator: " ") {
        let digits = stroke.utf8.map { Double($0) - 48 }
        lines.append(
          Swift.stride(from: 0, to: digits.count - 1, by: 2).map {
            Scene.Point(left + digits[$0] * unit.x * size, point.y + (digits[$0 + 1] - 6) * unit.y * size)
          })
      }
      left += advance * size
    }
    return lines
  }

  private static func glyph(_ character: Character) -> String {
    guard let scalar = character.unicodeScalars.first, character.unicodeScalars.count == 1 else { return box }
    let place = Int(scalar.value) - 0x20
    return ascii.indices.contains(place) ? ascii[place] : others[scalar] ?? box
  }
}
