/// What is drawn, wherever it is drawn: one panel below the other, each with the same curves in the same colours.
package struct Figure: Sendable {
  package struct Panel: Sendable {
    package var title: String
    package var series: [Series]
    /// Places that a dotted line marks.
    package var marks: [Mark]

    package init(_ title: String, _ series: [Series], marks: [Mark] = []) {
      self.title = title
      self.series = series
      self.marks = marks
    }
  }

  package struct Mark: Sendable {
    package var point: Series.Point
    /// Of the series it belongs to.
    package var series: Int

    package init(point: Series.Point, series: Int) {
      self.point = point
      self.series = series
    }
  }

  package var panels: [Panel]
  /// What x is.
  package var xName: String
  /// Names of the curves, in order.
  package var legend: [String]
  /// Lines below the legend.
  package var notes: [String] = []
  /// Whether x counts something.
  package var wholeX: Bool

  package init(_ panels: [Panel], xName: String, legend: [String], notes: [String] = [], wholeX: Bool = true) {
    self.panels = panels
    self.xName = xName
    self.legend = legend
    self.notes = notes
    self.wholeX = wholeX
  }
}

extension Figure.Panel {
  /// An axis for x, without the room that a gap at an end would take.
  func xAxis(ticks: Int, whole: Bool) -> Axis {
    Axis(series.lazy.flatMap(\.points).map(\.x), ticks: ticks, whole: whole)
  }

  func yAxis(ticks: Int) -> Axis {
    let values = series.lazy.flatMap { series in
      series.points.indices.lazy.flatMap { place -> [Double] in
        let y = series.points[place].y
        guard !series.spread.isEmpty else { return [y] }
        return [y - series.spread[place], y + series.spread[place]]
      }
    }
    return Axis(values, ticks: ticks, rounded: true)
  }
}
