/// A drawing of lines, areas, discs and texts, in points, y downwards; SVG and PNG are made from the same one.
package struct Scene: Equatable, Sendable {
  package struct Point: Equatable, Sendable {
    package var x: Double
    package var y: Double

    package init(_ x: Double, _ y: Double) {
      self.x = x
      self.y = y
    }
  }

  /// Red, green, blue.
  package struct Colour: Equatable, Sendable {
    package var red: UInt8
    package var green: UInt8
    package var blue: UInt8

    package init(_ hex: UInt32) {
      (red, green, blue) = (UInt8(hex >> 16 & 0xFF), UInt8(hex >> 8 & 0xFF), UInt8(hex & 0xFF))
    }
  }

  /// Which part of a text its point is.
  package enum Anchor: String, Sendable { case start, middle, end }

  package enum Shape: Equatable, Sendable {
    case line([Point], width: Double, Colour)
    case area([Point], opacity: Double, Colour)
    case disc(Point, radius: Double, Colour)
    /// One line of text; the point is on its baseline. The size is the font's.
    case text(String, Point, size: Double, Anchor, Colour)
  }

  package var width: Int
  package var height: Int
  package var shapes: [Shape] = []

  package init(width: Int, height: Int) {
    (self.width, self.height) = (width, height)
  }
}
