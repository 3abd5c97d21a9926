import Formats
import Foundation
import Inspect
import Pipeline
import Testing

@Suite struct PlotTests {
  static func series(_ name: String, _ values: [Double]) -> Series {
    Series(name, values.enumerated().map { .init(Double($0.offset), $0.element) })
  }

  static func figure(_ values: [Double]...) -> Figure {
    let curves = values.enumerated().map { series("run \($0.offset)", $0.element) }
    return Figure([.init("train/loss", curves)], xName: "step", legend: curves.map(\.name))
  }

  static func text(_ figure: Figure, width: Int = 40, unicode: Bool = true) -> String {
    TextPlot(width: width, unicode: unicode).rendered(figure)
  }

  @Test func smallSeries() {
    #expect(
      Self.text(Self.figure([0, 1, 4, 9, 16, 25])) == """
        train/loss
        25 ┤                                  ⢀⠎
           │                                 ⡠⠃
           │                                ⡔⠁
        20 ┤                              ⢀⠎
           │                             ⡠⠃
           │                           ⢀⠔⠁
        15 ┤                          ⡠⠊
           │                        ⢀⠎
        10 ┤                      ⢀⠔⠁
           │                     ⡠⠊
           │                  ⢀⠔⠉
         5 ┤                ⡠⠊⠁
           │            ⢀⡠⠔⠉
           │        ⢀⡠⠔⠊⠁
         0 ┤⣀⣀⠤⠤⠤⠔⠒⠊⠁
           └┬─────────────┬─────────────┬───────
            0             2             4   step

        """)
    #expect(
      Self.text(Self.figure([0, 1, 4, 9, 16, 25]), unicode: false) == """
        train/loss
        25 +                                  .:
           |                                 .'
           |                                :'
        20 +                              .:
           |                             .'
           |                           .:'
        15 +                          .'
           |                        .:
        10 +                      .:'
           |                     .'
           |                  .:'
         5 +                .''
           |            ..:'
           |        ..:''
         0 +.....:'''
           ++-------------+-------------+-------
            0             2             4   step

        """)
  }

  @Test func severalRuns() {
    #expect(
      Self.text(Self.figure([0, 0.5, 1], [1, 0.5, 0.25], [0.25, .nan, 0.25])) == """
        train/loss
        1.0 ┤⠑⢄                            ⡠⠊ a
            │  ⠑⢄                        ⡠⠊
            │    ⠉⠢⡀                   ⡠⠊
        0.8 ┤      ⠈⠢⡀              ⢀⡠⠊
            │        ⠈⠢⡀          ⢀⠔⠁
            │          ⠈⠢⣀      ⢀⠔⠁
        0.6 ┤             ⠑⢄  ⢀⠔⠁
            │               ⢑⠴⣁
        0.4 ┤             ⣀⠔⠁  ⠉⠒⠤⣀⡀
            │           ⡠⠊         ⠈⠑⠢⢄⣀
            │         ⡠⠊                ⠉⠒⠤⣀
        0.2 ┤⠁     ⢀⠔⠉                      ⠉ bc
            │    ⢀⠔⠁
            │  ⡠⠔⠁
          0 ┤⡠⠊
            └┬───────────────┬──────────────┬
             0               1           step

        a  run 0
        b  run 1
        c  run 2

        """)
  }

  @Test func gapsSinglePointsAndConstants() {
    #expect(
      Self.text(Self.figure([1, .nan, 3, 4, .nan])) == """
        train/loss
        4 ┤                          ⡠⠊
          │                        ⢀⠜
          │                      ⢀⠔⠁
          │                     ⡔⠁
          │                   ⡠⠊
        3 ┤                  ⠈
          │
          │
          │
        2 ┤
          │
          │
          │
          │
        1 ┤⡀
          └┬─────────────────┬─────────────────┬
           0                 2              step

        """)
    #expect(Self.dots([0.5]) == ["8 ⠠"])
    #expect(Self.dots([.nan]).isEmpty)
    #expect(Self.dots([3, 3, 3]) == ["8 " + String(repeating: "⠤", count: 37)])
  }

  /// The lines of a plot that have dots, by number, and their dots.
  private static func dots(_ values: [Double]) -> [String] {
    text(figure(values)).split(separator: "\n").enumerated().compactMap { line, text in
      let dots = text.filter { $0.unicodeScalars.allSatisfy { (0x2800..<0x2900).contains($0.value) } }
      return dots.isEmpty ? nil : "\(line) \(dots)"
    }
  }

  @Test func meanAndSpread() {
    let runs = [Self.series("a", [1, 2, .nan]), Self.series("b", [3, .nan, .nan]), Self.series("c", [5, 4])]
    let mean = Series.mean(runs, name: "mean")
    #expect(mean.points.prefix(2) == [.init(0, 3), .init(1, 3)])
    #expect(mean.points.count == 3 && mean.points[2].y.isNaN)
    #expect(mean.spread == [2, 2.0.squareRoot(), 0])
  }

  @Test func smoothing() {
    let values = (0..<50).map { $0 % 7 == 3 ? .nan : Double($0 * $0 % 23) }
    for window in [1, 2, 3, 7, 49, 50, 51, Int.max] {
      let smooth = Self.series("a", values).smoothed(window).points.map(\.y)
      for (place, value) in smooth.enumerated() {
        let last = values[max(0, place - min(window, 99) + 1)...place].filter { !$0.isNaN }
        if values[place].isNaN {
          #expect(value.isNaN)
        } else {
          #expect(abs(value - last.reduce(0, +) / Double(last.count)) < 1e-12, "window \(window) at \(place)")
        }
      }
    }
  }

  /// As fast to draw, and as small a file, as a few thousand points; no peak is lost.
  @Test func aMillionPoints() throws {
    var values = (0..<1_000_000).map { Double($0 % 1000) / 1000 }
    values[123_456] = 7
    values[654_321] = .nan
    let figure = Self.figure(values)
    let thin = figure.panels[0].series[0].thinned(columns: 500, 0...999_999)
    #expect(thin.points.count <= 2004 && thin.points.contains { $0.y == 7 })
    #expect(zip(thin.points, thin.points.dropFirst()).allSatisfy { $0.x < $1.x })
    let scene = FigureScene.scene(figure)
    #expect(scene.svg().utf8.count < 200_000)
    let text = Self.text(figure, width: 80)
    #expect(text.split(separator: "\n").allSatisfy { $0.count <= 80 })
    #expect(text.contains("800000"))
  }

  @Test func axes() {
    func axis(_ values: [Double], _ ticks: Int = 5, rounded: Bool = true, whole: Bool = false) -> [String] {
      Axis(values, ticks: ticks, rounded: rounded, whole: whole).ticks.map(\.label)
    }
    #expect(axis([0.13, 0.61]) == ["0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7"])
    #expect(axis([-3, 17]) == ["-5", "0", "5", "10", "15", "20"])
    #expect(axis([0, 3], whole: true) == ["0", "1", "2", "3"])
    #expect(axis([1e-7, 9e-7]) == ["0", "2e-07", "4e-07", "6e-07", "8e-07", "1e-06"])
    #expect(axis([0, 3.2e9]) == ["0", "1e+09", "2e+09", "3e+09", "4e+09"])
    #expect(axis([]) == ["0", "0.2", "0.4", "0.6", "0.8", "1.0"])
    #expect(axis([.nan, .infinity]) == axis([]))
    // Whatever numbers come: finite, growing, and no fault.
    let odd: [Double] = [0, -0.0, .leastNonzeroMagnitude, 1e-300, 1, 1 + 1e-15, 1e16, 1e100, -1e100, 9.3e18]
    for a in odd {
      for b in odd {
        for whole in [false, true] {
          let axis = Axis([a, b], ticks: 4, rounded: !whole, whole: whole)
          #expect(axis.low < axis.high && axis.ticks.count < 20, "\(a) \(b)")
          #expect((0...1).contains(axis.share(max(axis.low, min(a, axis.high)))))
          _ = Self.text(Figure([.init("x", [Series("x", [.init(a, b), .init(b, a)])])], xName: "x", legend: ["x"]))
        }
      }
    }
  }

  @Test func pictures() throws {
    var figure = Self.figure([0, 1, 0, 1, 0.5], [1, .nan, 0, .nan, 1])
    figure.panels.append(.init("b", [Series("mean", [.init(0, 1), .init(1, 3)], spread: [1, 0.5])]))
    figure.panels.append(.init("c", [Self.series("one", [2])], marks: [.init(point: .init(0, 2), series: 0)]))
    let scene = FigureScene.scene(figure)
    #expect(scene.width == 960 && scene == FigureScene.scene(figure))
    let svg = try ParsedSVG(scene.svg())
    #expect(svg.elements.first?.name == "svg" && svg.count("polygon") == 1)
    #expect(svg.texts.contains("train/loss") && svg.texts.contains("run 1"))
    let png = try DecodedPNG(scene.png())
    #expect(png.width == 1920 && png.height == 2 * scene.height)
    #expect(png.pixel(1919, 0) == [255, 255, 255])
    for colour in [0x1F_5FA8, 0xD0_6A00, 0x22_2222, 0xE4_E4E4] { #expect(png.count(colour) > 20) }
    // The band is a fifth blue.
    #expect(png.count(0xD2_DFEE) > 1000)
    #expect(png.count(0xFF_FFFF) > png.width * png.height / 2)
  }

  @Test func everyLengthOfRuns() throws {
    for length in 1...300 {
      var scene = Scene(width: length, height: 1)
      scene.shapes = [.area([.init(0, 0), .init(1, 0), .init(1, 1), .init(0, 1)], opacity: 1, .init(0xC0_A010))]
      let png = try DecodedPNG(scene.png(scale: 1))
      #expect(png.width == length && png.pixel(0, 0) == [0xC0, 0xA0, 0x10])
      #expect(png.pixels.dropFirst(3).allSatisfy { $0 == 255 })
    }
  }

  @Test func glyphs() {
    #expect(StrokeFont.ascii.count == 95)
    for (place, glyph) in StrokeFont.ascii.enumerated() {
      for stroke in glyph.split(separator: " ") {
        let digits = stroke.utf8.map { Int($0) - 48 }
        #expect(digits.count % 2 == 0 && !digits.isEmpty, "\(place)")
        for (at, digit) in digits.enumerated() { #expect((0...(at % 2 == 0 ? 4 : 8)).contains(digit), "\(place)") }
      }
    }
  }
}
