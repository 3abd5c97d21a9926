import Foundation
import Rewards
import Testing

/// Expressions and their algebraic rewritings, drawn at random.
@Suite struct MathPropertyTests {
  private func isRight(_ gold: String, _ text: String) throws -> Bool {
    try score("math", "\\boxed{\(text)}", answer: gold).value == 1
  }

  /// An expression equals its rewritings, and differs by one from what is one more.
  @Test func rewritingsAreEqual() throws {
    var draws = Draws(state: 21)
    for _ in 0..<400 {
      let expression = sum(&draws, depth: 3)
      let rewritings = [
        "(\(expression))", "\(expression)+0", "1\\cdot(\(expression))", "\\frac{2(\(expression))}{2}",
        "-(-(\(expression)))", "x-x+(\(expression))", "(\(expression))^1", "\\left(\(expression)\\right)\\cdot\\frac{y}{y}",
      ]
      for rewriting in rewritings {
        #expect(try isRight(expression, rewriting), "\(expression) is \(rewriting)")
        #expect(try isRight(rewriting, expression), "\(rewriting) is \(expression)")
      }
      for other in ["\(expression)+1", "1-(\(expression))+\(expression)+\(expression)", "(\(expression))+\\frac{1}{7}"] {
        #expect(try !isRight(expression, other), "\(expression) is not \(other)")
      }
    }
  }

  /// Sums commute, products distribute.
  @Test func lawsOfArithmetic() throws {
    var draws = Draws(state: 22)
    for _ in 0..<300 {
      let (a, b, c) = (sum(&draws, depth: 1), sum(&draws, depth: 1), sum(&draws, depth: 1))
      #expect(try isRight("(\(a))+(\(b))", "(\(b))+(\(a))"))
      #expect(try isRight("(\(a))((\(b))+(\(c)))", "(\(a))(\(b))+(\(a))(\(c))"))
      #expect(try isRight("((\(a))+(\(b)))^2", "(\(a))^2+2(\(a))(\(b))+(\(b))^2"))
      #expect(try isRight("x=\(a)", "2x=2(\(a))"))
    }
  }

  private func sum(_ draws: inout Draws, depth: Int) -> String {
    let count = 1 + draws.below(3)
    return (0..<count).map { _ in product(&draws, depth: depth) }.joined(separator: draws.below(2) == 0 ? "+" : "-")
  }

  private func product(_ draws: inout Draws, depth: Int) -> String {
    let number = String(1 + draws.below(30))
    guard depth > 0 else { return draws.below(3) == 0 ? ["x", "y", "\\pi", "t_1"][draws.below(4)] : number }
    switch draws.below(7) {
    case 0: return number + ["x", "y", "xy", "x^2", "\\pi", "\\sqrt{2}"][draws.below(6)]
    case 1: return "\\frac{\(sum(&draws, depth: depth - 1))}{\(number)}"
    case 2: return "(\(sum(&draws, depth: depth - 1)))(\(sum(&draws, depth: depth - 1)))"
    case 3: return "\(number)\\sqrt{\(1 + draws.below(50))}"
    case 4: return "(\(sum(&draws, depth: depth - 1)))^\(1 + draws.below(2))"
    case 5: return number + "." + String(1 + draws.below(99))
    default: return number
    }
  }

  /// Fractions, decimals and percentages of the same number are equal, and its neighbours are not.
  @Test func writingsOfNumbers() throws {
    var draws = Draws(state: 23)
    for _ in 0..<1000 {
      let (top, scale) = (draws.below(100_000) - 50_000, 1 + draws.below(20))
      let fraction = "\\frac{\(top * scale)}{\(1000 * scale)}"
      let digits = String(abs(top) + 1000 * 100_000).suffix(8)
      let decimal = (top < 0 ? "-" : "") + "\(Int(digits.prefix(5)) ?? 0)." + digits.suffix(3)
      for form in [fraction, decimal, "\(top)\\cdot 10^{-3}", "\(top)e-3", "\(top)/1000", "\(top * 10)e-4"] {
        #expect(try isRight(fraction, form), "\(fraction) is \(form)")
        #expect(try isRight(form, decimal), "\(form) is \(decimal)")
        #expect(try !isRight(form, "\\frac{\(top + 1)}{1000}"), "\(form)")
      }
      #expect(try isRight(fraction, "\(top)/10\\%"))
    }
  }

  /// What is equal is equal in sets, tuples and intervals; what is exchanged is not, where order counts.
  @Test func collectionsOfDrawnNumbers() throws {
    var draws = Draws(state: 24)
    for _ in 0..<500 {
      let first = draws.below(1000) - 500
      let second = first + 1 + draws.below(400)
      let (a, b) = (String(first), "\\frac{\(2 * second)}{2}")
      #expect(try isRight("\\{\(a),\(b)\\}", "\\{\(second), \(a)\\}"))
      #expect(try isRight("(\(a),\(b))", "(\(a), \(second))"))
      #expect(try !isRight("(\(a),\(b))", "(\(second), \(a))"))
      #expect(try isRight("[\(a),\(b))", "\(a) \\le x < \(second)"))
      #expect(try !isRight("[\(a),\(b))", "[\(a),\(second)]"))
      #expect(try !isRight("\\{\(a),\(b)\\}", "\\{\(a),\(second + 1)\\}"))
      #expect(try isRight("x>\(a)", "(\(a),\\infty)"))
      #expect(try !isRight("x>\(a)", "x>\(b)"))
    }
  }

  /// Brackets up to the stated limit are read, deeper ones are no answer, and neither costs anything.
  @Test func nestingIsBounded() throws {
    for depth in [10, 200, 300, 1000] {
      let open = String(repeating: "(", count: depth), close = String(repeating: ")", count: depth)
      #expect(try isRight("x+1", open + "1+x" + close) == (depth < 256))
      let fractions = String(repeating: "\\frac{1}{", count: depth) + "2" + String(repeating: "}", count: depth)
      #expect(try isRight("2", fractions) == (depth < 200))
    }
    for tower in ["9**9**9", "9**9**9**9", "10^{10^{10}}", "((10!)!)!", "2^{1000000007}", "\\binom{10^9}{10^8}"] {
      #expect(try !isRight("5", tower))
    }
  }
}
