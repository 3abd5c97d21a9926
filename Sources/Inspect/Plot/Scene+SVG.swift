import Pipeline

extension Scene {
  /// The drawing as an SVG file.
  package func svg() -> String {
    let body = shapes.map { "  " + Self.element($0) + "\n" }.joined()
    return """
      <svg xmlns="http://www.w3.org/2000/svg" width="\(width)" height="\(height)" viewBox="0 0 \(width) \(height)" \
      font-family="sans-serif">
        <rect width="\(width)" height="\(height)" fill="#ffffff"/>
      \(body)</svg>

      """
  }

  private static func element(_ shape: Shape) -> String {
    switch shape {
    case .line(let points, let width, let colour):
      """
      <polyline points="\(list(points))" fill="none" stroke="\(hex(colour))" stroke-width="\(number(width))" \
      stroke-linejoin="round"/>
      """
    case .area(let points, let opacity, let colour):
      "<polygon points=\"\(list(points))\" fill=\"\(hex(colour))\" fill-opacity=\"\(number(opacity))\"/>"
    case .disc(let centre, let radius, let colour):
      """
      <circle cx="\(number(centre.x))" cy="\(number(centre.y))" r="\(number(radius))" fill="\(hex(colour))"/>
      """
    case .text(let text, let point, let size, let anchor, let colour):
      """
      <text x="\(number(point.x))" y="\(number(point.y))" font-size="\(number(size))" \
      text-anchor="\(anchor.rawValue)" fill="\(hex(colour))">\(escaped(text))</text>
      """
    }
  }

  private static func list(_ points: [Point]) -> String {
    points.map { "\(number($0.x)),\(number($0.y))" }.joined(separator: " ")
  }

  /// Hundredths of a point, without zeros at the end.
  private static func number(_ value: Double) -> String {
    var text = Format.decimal(value, 2)
    while text.last == "0" { text.removeLast() }
    if text.last == "." { text.removeLast() }
    return text
  }

  private static func hex(_ colour: Colour) -> String {
    "#" + [colour.red, colour.green, colour.blue].map { String(256 + Int($0), radix: 16).dropFirst() }.joined()
  }

  /// Text as XML has it: markup escaped, characters that XML has no place for left out.
  private static func escaped(_ text: String) -> String {
    var output = ""
    for scalar in Terminal.sanitizeLine(text).unicodeScalars {
      switch scalar.value {
      case 0x26: output += "&amp;"
      case 0x3C: output += "&lt;"
      case 0x3E: output += "&gt;"
      case 0x22: output += "&quot;"
      case 0xFFFE, 0xFFFF: continue
      default: output.unicodeScalars.append(scalar)
      }
    }
    return output
  }
}
