import Pipeline

/// Lays a figure out as a drawing: the legend above, then the panels, two beside each other.
package struct FigureScene {
  private let figure: Figure
  private var scene: Scene

  private static let ink = Scene.Colour(0x22_2222)
  private static let grid = Scene.Colour(0xE4_E4E4)
  private static let palette = [0x1F_5FA8, 0xD0_6A00, 0x2B_8A3E, 0xB3_261E, 0x7B_3FA0, 0x00_7F86, 0x8A_6D00, 0xB0_3A78]
    .map { Scene.Colour($0) }

  /// A panel with its labels, and the room around the frame inside it.
  private static let single = (width: 720.0, height: 420.0)
  private static let several = (width: 480.0, height: 280.0)
  private static let margins = (left: 64.0, right: 18.0, top: 34.0, bottom: 42.0)
  private static let line = 18.0
  private static let text = 12.0

  /// The drawing.
  package static func scene(_ figure: Figure) -> Scene {
    var layout = FigureScene(figure)
    layout.drawAll()
    return layout.scene
  }

  private var panelSize: (width: Double, height: Double) { figure.panels.count == 1 ? Self.single : Self.several }
  private var head: Double { 10 + Self.line * Double(figure.legend.count + figure.notes.count) }

  private init(_ figure: Figure) {
    self.figure = figure
    scene = Scene(width: 0, height: 0)
    let columns = min(2, figure.panels.count)
    let rows = (figure.panels.count + 1) / 2
    scene.width = Int(panelSize.width) * columns
    scene.height = Int(head + panelSize.height * Double(rows))
  }

  private static func colour(_ series: Int) -> Scene.Colour { palette[series % palette.count] }

  private mutating func drawAll() {
    // A character is about 0.56 of the font's size wide.
    let room = Int((Double(scene.width) - 60) / (0.56 * Self.text))
    for (place, name) in (figure.legend + figure.notes).enumerated() {
      let y = 10 + Self.line * (Double(place) + 0.7)
      let isCurve = place < figure.legend.count
      if isCurve { draw(.line([.init(16, y - 4), .init(36, y - 4)], width: 2, Self.colour(place))) }
      write(Terminal.sanitizeLine(name, limit: room), isCurve ? 44 : 16, y, .start)
    }
    for (place, panel) in figure.panels.enumerated() {
      draw(panel, left: Double(place % 2) * panelSize.width, top: head + Double(place / 2) * panelSize.height)
    }
  }

  private mutating func draw(_ shape: Scene.Shape) { scene.shapes.append(shape) }

  private mutating func write(_ text: String, _ x: Double, _ y: Double, _ anchor: Scene.Anchor, size: Double = text) {
    draw(.text(text, .init(x, y), size: size, anchor, Self.ink))
  }

  private mutating func draw(_ panel: Figure.Panel, left: Double, top: Double) {
    let width = panelSize.width - Self.margins.left - Self.margins.right
    let height = panelSize.height - Self.margins.top - Self.margins.bottom
    let (x0, y0) = (left + Self.margins.left, top + Self.margins.top)
    let x = panel.xAxis(ticks: Int(width / 70), whole: figure.wholeX)
    let y = panel.yAxis(ticks: Int(height / 40))
    func place(_ point: Series.Point) -> Scene.Point {
      Scene.Point(x0 + x.share(point.x) * width, y0 + (1 - y.share(point.y)) * height)
    }
    let title = Terminal.sanitizeLine(panel.title, limit: Int(width / (0.56 * (Self.text + 1))))
    write(title, x0, y0 - 10, .start, size: Self.text + 1)
    for tick in y.ticks {
      let height = y0 + (1 - y.share(tick.value)) * height
      draw(.line([.init(x0, height), .init(x0 + width, height)], width: 1, Self.grid))
      write(tick.label, x0 - 8, height + 4, .end)
    }
    for tick in x.ticks {
      let across = x0 + x.share(tick.value) * width
      draw(.line([.init(across, y0 + height), .init(across, y0 + height + 4)], width: 1, Self.ink))
      write(tick.label, across, y0 + height + 18, .middle)
    }
    write(figure.xName, x0 + width, y0 + height + 34, .end)
    draw(.line([.init(x0, y0), .init(x0, y0 + height), .init(x0 + width, y0 + height)], width: 1, Self.ink))
    // A PNG has two pixels a unit.
    let curves = panel.series.map { $0.thinned(columns: Int(2 * width), x.low...x.high) }
    for (number, series) in curves.enumerated() { drawBand(series, number, place) }
    for (number, series) in curves.enumerated().reversed() { drawCurve(series, number, place) }
    for mark in panel.marks { drawMark(mark, place(mark.point), y0, y0 + height) }
  }

  private mutating func drawBand(_ series: Series, _ number: Int, _ place: (Series.Point) -> Scene.Point) {
    guard !series.spread.isEmpty else { return }
    for stretch in series.stretches where stretch.count > 1 {
      func edge(_ side: Double) -> [Scene.Point] {
        stretch.map { place(.init(series.points[$0].x, series.points[$0].y + side * series.spread[$0])) }
      }
      draw(.area(edge(1) + edge(-1).reversed(), opacity: 0.2, Self.colour(number)))
    }
  }

  private mutating func drawCurve(_ series: Series, _ number: Int, _ place: (Series.Point) -> Scene.Point) {
    for stretch in series.stretches {
      let points = stretch.map { place(series.points[$0]) }
      if let only = points.first, points.count == 1 {
        draw(.disc(only, radius: 2, Self.colour(number)))
      } else {
        draw(.line(points, width: 1.5, Self.colour(number)))
      }
    }
  }

  /// A dashed line from top to bottom, and a dot where it meets the curve.
  private mutating func drawMark(_ mark: Figure.Mark, _ point: Scene.Point, _ top: Double, _ bottom: Double) {
    for start in stride(from: top, to: bottom, by: 8) {
      draw(.line([.init(point.x, start), .init(point.x, min(start + 4, bottom))], width: 1, Self.ink))
    }
    draw(.disc(point, radius: 4, Self.colour(mark.series)))
  }
}
