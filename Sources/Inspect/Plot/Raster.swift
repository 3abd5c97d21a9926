/// Pixels that shapes are painted on, anti-aliased.
struct Raster {
  let width: Int
  let height: Int
  /// Red, green, blue, row by row from the top.
  private(set) var pixels: [UInt8]
  /// How much of each pixel the shape in work covers, 0 … 1; all 0 between shapes.
  private var cover: [Float]
  private var touched = (left: Int.max, right: -1, top: Int.max, bottom: -1)
  private let scale: Double

  /// A drawing, with so many pixels for each of its points.
  init(_ scene: Scene, scale: Int) {
    (width, height, self.scale) = (scene.width * scale, scene.height * scale, Double(scale))
    pixels = [UInt8](repeating: 255, count: 3 * width * height)
    cover = [Float](repeating: 0, count: width * height)
    for shape in scene.shapes { paint(shape) }
  }

  private mutating func paint(_ shape: Scene.Shape) {
    switch shape {
    case .line(let points, let width, let colour):
      stroke(points.map(scaled), radius: width * scale / 2)
      blend(colour, 1)
    case .area(let points, let opacity, let colour):
      fill(points.map(scaled))
      blend(colour, Float(opacity))
    case .disc(let centre, let radius, let colour):
      stroke([scaled(centre)], radius: radius * scale)
      blend(colour, 1)
    case .text(let text, let point, let size, let anchor, let colour):
      for line in StrokeFont.strokes(text, at: point, size: size, anchor) {
        stroke(line.map(scaled), radius: size * scale / 24)
      }
      blend(colour, 1)
    }
  }

  private func scaled(_ point: Scene.Point) -> Scene.Point { .init(point.x * scale, point.y * scale) }

  /// Pixels whose centres are between two coordinates, and one more at each side.
  private static func span(_ low: Double, _ high: Double, _ count: Int) -> Range<Int> {
    let first = min(Double(count), max(0, low.rounded(.down) - 1))
    let last = min(Double(count), max(0, high.rounded(.up) + 1))
    return Int(first)..<max(Int(first), Int(last))
  }

  private mutating func touch(_ columns: Range<Int>, _ rows: Range<Int>) {
    guard !columns.isEmpty, !rows.isEmpty else { return }
    touched.left = min(touched.left, columns.lowerBound)
    touched.right = max(touched.right, columns.upperBound - 1)
    touched.top = min(touched.top, rows.lowerBound)
    touched.bottom = max(touched.bottom, rows.upperBound - 1)
  }

  /// Covers what is nearer to the line than `radius`; a pixel's share is how far its centre is inside the edge.
  private mutating func stroke(_ points: [Scene.Point], radius: Double) {
    for place in points.indices {
      let (a, b) = (points[max(place - 1, 0)], points[place])
      guard place > 0 || points.count == 1 else { continue }
      let columns = Self.span(min(a.x, b.x) - radius, max(a.x, b.x) + radius, width)
      let rows = Self.span(min(a.y, b.y) - radius, max(a.y, b.y) + radius, height)
      touch(columns, rows)
      let (dx, dy) = (b.x - a.x, b.y - a.y)
      let length = dx * dx + dy * dy
      for row in rows {
        for column in columns {
          let (px, py) = (Double(column) + 0.5 - a.x, Double(row) + 0.5 - a.y)
          let along = length > 0 ? min(1, max(0, (px * dx + py * dy) / length)) : 0
          let (ex, ey) = (px - along * dx, py - along * dy)
          let share = Float(min(1, radius + 0.5 - (ex * ex + ey * ey).squareRoot()))
          if share > cover[row * width + column] { cover[row * width + column] = share }
        }
      }
    }
  }

  /// Covers the inside of a polygon (even-odd), four lines a row of pixels.
  private mutating func fill(_ points: [Scene.Point]) {
    guard let first = points.first else { return }
    let (low, high) = points.reduce((first.y, first.y)) { (min($0.0, $1.y), max($0.1, $1.y)) }
    let rows = Self.span(low, high, height)
    touch(0..<width, rows)
    for row in rows {
      for part in 0..<4 {
        let y = Double(row) + (Double(part) + 0.5) / 4
        var crossings: [Double] = []
        for (place, b) in points.enumerated() {
          let a = points[place > 0 ? place - 1 : points.count - 1]
          if (a.y <= y) != (b.y <= y) { crossings.append(a.x + (y - a.y) / (b.y - a.y) * (b.x - a.x)) }
        }
        crossings.sort()
        for pair in stride(from: 0, to: crossings.count - 1, by: 2) {
          let (from, to) = (crossings[pair], crossings[pair + 1])
          for column in Self.span(from, to, width) {
            let inside = min(to, Double(column + 1)) - max(from, Double(column))
            if inside > 0 { cover[row * width + column] += Float(inside / 4) }
          }
        }
      }
    }
  }

  /// Mixes the colour into what is covered, and forgets the cover.
  private mutating func blend(_ colour: Scene.Colour, _ opacity: Float) {
    defer { touched = (.max, -1, .max, -1) }
    guard touched.left <= touched.right, touched.top <= touched.bottom else { return }
    let parts = [Float(colour.red), Float(colour.green), Float(colour.blue)]
    for row in touched.top...touched.bottom {
      for place in row * width + touched.left...row * width + touched.right where cover[place] > 0 {
        let share = min(1, cover[place]) * opacity
        cover[place] = 0
        for part in 0..<3 {
          let old = Float(pixels[3 * place + part])
          pixels[3 * place + part] = UInt8((old + (parts[part] - old) * share).rounded())
        }
      }
    }
  }
}
