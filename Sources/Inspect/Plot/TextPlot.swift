import Pipeline

/// A figure as text: Braille dots in a frame, one panel below the other.
///
/// Curves are told apart by a letter at their right end, and by colour where there is one.
package struct TextPlot {
  /// Columns of the whole.
  package var width: Int
  package var unicode: Bool
  package var colours: Bool

  package init(width: Int, unicode: Bool = true, colours: Bool = false) {
    self.width = max(width, 24)
    self.unicode = unicode
    self.colours = colours
  }

  /// Lines of a panel's drawing.
  private static let rows = (alone: 15, amongOthers: 8)
  /// ANSI colours by curve.
  private static let palette = [34, 33, 32, 31, 35, 36]
  /// Letters of a row at the right end.
  private static let mostKeys = 6

  package func rendered(_ figure: Figure) -> String {
    var text = figure.panels.map { panel($0, figure) }.joined(separator: "\n")
    if figure.legend.count > 1 {
      text += "\n"
      for (place, name) in figure.legend.enumerated() {
        text += coloured(Self.key(place), place) + "  " + clean(name, width - 3) + "\n"
      }
    } else if let name = figure.legend.first,
      figure.panels.contains(where: { $0.series.first?.spread.isEmpty == false })
    {
      text += "\n" + clean(name, width) + "\n"
    }
    for note in figure.notes { text += clean(note, .max) + "\n" }
    return text
  }

  /// `a` to `z`, then `A` to `Z`.
  static func key(_ place: Int) -> String {
    let letters = Array("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    return String(letters[place % letters.count])
  }

  private func clean(_ text: String, _ limit: Int) -> String { Terminal.sanitizeLine(text, limit: limit) }

  private func coloured(_ text: String, _ series: Int) -> String {
    colours ? "\u{1B}[\(Self.palette[series % Self.palette.count])m\(text)\u{1B}[0m" : text
  }

  private func panel(_ panel: Figure.Panel, _ figure: Figure) -> String {
    let rows = figure.panels.count == 1 ? Self.rows.alone : Self.rows.amongOthers
    let y = panel.yAxis(ticks: max(4, rows / 3))
    func row(_ value: Double) -> Int { Self.place(1 - y.share(value), 4 * rows) / 4 }
    let labels = Dictionary(y.ticks.map { (row($0.value), $0.label) }) { first, _ in first }
    let margin = labels.values.map(\.count).max() ?? 0
    let keys = keys(panel, row)
    let keyRoom = keys.values.map { $0.count + 1 }.max() ?? 0
    let columns = max(8, width - margin - 2 - keyRoom)
    let canvas = draw(panel, columns, rows, figure.wholeX)
    var text = clean(panel.title, width) + "\n"
    for line in 0..<rows {
      let label = labels[line] ?? ""
      let edge = unicode ? (label.isEmpty ? "│" : "┤") : (label.isEmpty ? "|" : "+")
      var content = canvas.row(line, unicode: unicode, colour: coloured)
      if let ends = keys[line] {
        let used = canvas.row(line, unicode: unicode) { text, _ in text }.count
        content += String(repeating: " ", count: columns - used + 1) + ends.map { coloured(Self.key($0), $0) }.joined()
      }
      text += String(repeating: " ", count: margin - label.count) + label + " " + edge + content + "\n"
    }
    let x = panel.xAxis(ticks: columns / 12, whole: figure.wholeX)
    return text + foot(x, figure.xName, margin, columns)
  }

  /// The curves that end in each row, where there are several.
  private func keys(_ panel: Figure.Panel, _ row: (Double) -> Int) -> [Int: [Int]] {
    guard panel.series.count > 1 else { return [:] }
    var keys: [Int: [Int]] = [:]
    for (place, series) in panel.series.enumerated() {
      if let last = series.points.last(where: { !$0.y.isNaN }) { keys[row(last.y), default: []].append(place) }
    }
    return keys.mapValues { Array($0.prefix(Self.mostKeys)) }
  }

  /// The dot that a share of `count` dots falls on.
  private static func place(_ share: Double, _ count: Int) -> Int {
    min(count - 1, max(0, Int((share * Double(count - 1)).rounded())))
  }

  private func draw(_ panel: Figure.Panel, _ columns: Int, _ rows: Int, _ whole: Bool) -> DotCanvas {
    var canvas = DotCanvas(width: columns, height: rows)
    let x = panel.xAxis(ticks: columns / 12, whole: whole)
    let y = panel.yAxis(ticks: max(4, rows / 3))
    func dot(_ point: Series.Point) -> (x: Int, y: Int) {
      (Self.place(x.share(point.x), 2 * columns), Self.place(1 - y.share(point.y), 4 * rows))
    }
    for mark in panel.marks {
      for line in stride(from: 0, to: 4 * rows, by: 2) { canvas.dot(dot(mark.point).x, line, owner: mark.series) }
    }
    for (owner, full) in panel.series.enumerated().reversed() {
      // Finer than the dots, so that a dense curve fills every column of them.
      let series = full.thinned(columns: 16 * columns, x.low...x.high)
      var curves: [(every: Int, points: [Series.Point])] = [(1, series.points)]
      if !series.spread.isEmpty {
        for side in [1.0, -1] {
          curves.append((3, zip(series.points, series.spread).map { Series.Point($0.x, $0.y + side * $1) }))
        }
      }
      for curve in curves {
        for stretch in series.stretches {
          for place in stretch {
            let from = dot(curve.points[max(place - 1, stretch.lowerBound)])
            canvas.line(from, dot(curve.points[place]), owner: owner, every: curve.every)
          }
        }
      }
    }
    return canvas
  }

  /// The x axis: its line with ticks, and the labels below them with the axis' name at the right end.
  private func foot(_ axis: Axis, _ name: String, _ margin: Int, _ columns: Int) -> String {
    var line = Array(repeating: Character(unicode ? "─" : "-"), count: columns)
    let end = columns - name.count - 1
    var labels = Array(repeating: Character(" "), count: margin + 2 + columns)
    labels.replaceSubrange(labels.count - name.count..<labels.count, with: name)
    var free = 0
    for tick in axis.ticks {
      let column = Self.place(axis.share(tick.value), columns)
      line[column] = unicode ? "┬" : "+"
      let start = max(margin + 2 + column - tick.label.count / 2, 0)
      guard start >= free, start + tick.label.count <= margin + 2 + end else { continue }
      labels.replaceSubrange(start..<start + tick.label.count, with: tick.label)
      free = start + tick.label.count + 1
    }
    return String(repeating: " ", count: margin + 1) + (unicode ? "└" : "+") + String(line) + "\n" + String(labels)
      + "\n"
  }
}
