/// Dots for a terminal: every character is two dots wide and four high, as in Unicode's Braille patterns.
struct DotCanvas {
  /// In characters.
  let width: Int
  let height: Int
  private var cells: [UInt8]
  /// Who drew into a cell last, for its colour.
  private var owners: [Int]

  init(width: Int, height: Int) {
    (self.width, self.height) = (width, height)
    cells = [UInt8](repeating: 0, count: width * height)
    owners = [Int](repeating: 0, count: width * height)
  }

  /// Bits of U+2800 … U+28FF by row and column of the dot.
  private static let bits: [[UInt8]] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]]

  /// Sets a dot, 0 at the left and the top.
  mutating func dot(_ x: Int, _ y: Int, owner: Int) {
    guard (0..<2 * width).contains(x), (0..<4 * height).contains(y) else { return }
    let cell = y / 4 * width + x / 2
    cells[cell] |= Self.bits[y % 4][x % 2]
    owners[cell] = owner
  }

  /// A line (Bresenham).
  ///
  /// - Parameter every: Only columns that this divides get dots.
  mutating func line(_ from: (x: Int, y: Int), _ to: (x: Int, y: Int), owner: Int, every: Int = 1) {
    let (dx, dy) = (abs(to.x - from.x), -abs(to.y - from.y))
    let (sx, sy) = (from.x < to.x ? 1 : -1, from.y < to.y ? 1 : -1)
    var (x, y, error) = (from.x, from.y, dx + dy)
    while true {
      if x % every == 0 { dot(x, y, owner: owner) }
      if (x, y) == to { return }
      let twice = 2 * error
      if twice >= dy {
        error += dy
        x += sx
      }
      if twice <= dx {
        error += dx
        y += sy
      }
    }
  }

  /// A row of characters; runs of one owner's are passed through `colour`.
  func row(_ row: Int, unicode: Bool, colour: (_ text: String, _ owner: Int) -> String) -> String {
    var text = "", run = "", owner = 0
    for cell in row * width..<(row + 1) * width {
      let bits = cells[cell]
      if bits != 0, owners[cell] != owner {
        if !run.isEmpty { text += colour(run, owner) }
        (run, owner) = ("", owners[cell])
      }
      run.unicodeScalars.append(Self.character(bits, unicode))
    }
    while run.last == " " { run.removeLast() }
    return run.isEmpty ? text : text + colour(run, owner)
  }

  private static func character(_ bits: UInt8, _ unicode: Bool) -> Unicode.Scalar {
    if bits == 0 { return " " }
    if unicode { return Unicode.Scalar(0x2800 + UInt32(bits)) ?? " " }
    // Upper half, lower half, both.
    return bits & 0xE4 == 0 ? "'" : bits & 0x1B == 0 ? "." : ":"
  }
}
