import Foundation
import Rewards
import Testing

/// What equals what, by the kind of the right answer: gold, responses that are right, responses that are not.
@Suite struct MathValueTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let gold: String
    let right: [String]
    let wrong: [String]
    var testDescription: String { gold }
  }

  private func check(_ rows: [Case]) throws {
    for row in rows {
      for text in row.right {
        for response in forms(text) {
          #expect(try score("math", response, answer: row.gold).value == 1, "\(row.gold) is \(response)")
        }
      }
      for text in row.wrong {
        // Behind `Answer:` an integer counts by itself, whatever follows it.
        for response in forms(text) where !response.hasPrefix("Answer: \(row.gold)") {
          #expect(try score("math", response, answer: row.gold).value == 0, "\(row.gold) is not \(response)")
        }
      }
    }
  }

  /// The same answer in a box, behind a mark, in a formula. Texts with their own marks stay as they are.
  private func forms(_ text: String) -> [String] {
    let isWhole = ["\\boxed", "$", "Answer", "answer"].contains { text.contains($0) }
    return isWhole
      ? [text] : ["\\boxed{\(text)}", "Answer: \(text)", "<answer>\(text)</answer>", "So it is \\(\(text)\\).", "$\(text)$"]
  }

  @Test func numbers() throws {
    try check([
      Case(gold: "42", right: ["42", "042", "42.0", "40+2", "forty-two", "\\frac{84}{2}"], wrong: ["24", "-42", "4 2"]),
      Case(gold: "3.14", right: ["3.140", "3.1400000001"], wrong: ["3.141", "314", "22/7", "\\pi"]),
      Case(
        gold: "\\frac{1}{3}", right: ["0.333333", "2/6", "0.\\overline{3}", "0.333...", "\\frac13"],
        wrong: ["0.333", "0.333334", "1/-3", "\\frac{3}{1}"]),
      Case(gold: "1", right: ["0.\\overline{9}", "3/3"], wrong: ["1.0000001", "0.9999999"]),
      Case(gold: "0.0000001", right: ["10^{-7}"], wrong: ["0.0000002", "0"]),
      Case(gold: "0.5", right: ["1/2", ".5", "one half", "50\\%"], wrong: ["0.05", "5", "0.5\\%"]),
      Case(gold: "2\\frac{3}{4}", right: ["11/4", "2.75", "2 3/4", "2\\frac34"], wrong: ["3/2", "-2\\frac{3}{4}"]),
      Case(
        gold: "1234567", right: ["1,234,567", "1{,}234{,}567", "1\\,234\\,567", "1.234.567", "1 234 567"],
        wrong: ["123,4567", "1,234,568", "1,234"]),
      Case(gold: "12", right: ["\\sqrt{144}", "|-12|"], wrong: ["1,2", "\\pm 12"]),
      Case(
        gold: "1.5\\times 10^{3}", right: ["1500", "1.5e3", "15*10^2", "1.5×10³", "1.5 x 10^3"],
        wrong: ["1.5", "150", "1.5e4"]),
      Case(gold: "101_2", right: ["5", "101_{2}"], wrong: ["101", "101_3"]),
      Case(gold: "50\\%", right: ["50%", "0.5", "50", "fifty percent"], wrong: ["5%", "0.5%", "500%"]),
      Case(gold: "5", right: ["５", "\\text{five}", "\\frac{10}{2}", "5."], wrong: ["5!", "\\frac{5}{0}", "NaN"]),
    ])
  }

  @Test func unitsAndMoney() throws {
    try check([
      Case(
        gold: "5", right: ["5\\text{ cm}", "5 cm", "5\\,\\mathrm{kg}", "\\$5", "5 apples", "5^\\circ", "5\\text{ m}^2"],
        wrong: ["6 cm", "5x", "500 cents", "5 is wrong"]),
      Case(
        gold: "5 \\text{ m}", right: ["5", "5 meters", "500 \\text{ cm}", "0.005 km"],
        wrong: ["5 \\text{ km}", "5 seconds", "50 cm"]),
      Case(gold: "90^\\circ", right: ["90", "90°", "90 degrees", "\\frac{\\pi}{2}"], wrong: ["9^\\circ", "\\pi"]),
      Case(gold: "\\$1,250.50", right: ["1250.5", "\\$1{,}250.50", "1,250.50 dollars"], wrong: ["1250.05", "125.05"]),
      Case(gold: "3000", right: ["3k", "3 thousand"], wrong: ["3"]),
    ])
  }

  @Test func rootsAndConstants() throws {
    try check([
      Case(
        gold: "2\\sqrt{2}", right: ["\\sqrt{8}", "2\\sqrt2", "\\frac{4}{\\sqrt{2}}", "2^{3/2}", "2^{1.5}", "2√2", "2.828427"],
        wrong: ["\\sqrt{2}", "2\\sqrt{3}", "2.83", "-2\\sqrt{2}"]),
      Case(gold: "\\sqrt[3]{2}", right: ["2^{1/3}", "1.259921"], wrong: ["\\sqrt{2}", "\\frac{2}{3}"]),
      Case(gold: "\\sqrt{2}-1", right: ["\\frac{1}{1+\\sqrt{2}}"], wrong: ["1-\\sqrt{2}"]),
      Case(gold: "1+\\sqrt{2}", right: ["\\sqrt{3+2\\sqrt{2}}"], wrong: ["\\sqrt{3}+\\sqrt{2}"]),
      Case(gold: "2\\pi", right: ["\\frac{4\\pi}{2}", "2π", "6.283185", "2 pi"], wrong: ["2", "\\pi^2", "6.28"]),
      Case(gold: "\\frac{\\pi}{4}", right: ["\\arctan(1)", "0.25\\pi", "45^\\circ"], wrong: ["\\frac{4}{\\pi}"]),
      Case(gold: "\\ln 2", right: ["\\ln(2)", "\\log 2", "0.693147", "\\ln 4-\\ln 2"], wrong: ["\\log_{10}2", "\\ln 3"]),
      Case(gold: "10", right: ["\\log_2 1024", "\\binom{5}{2}"], wrong: ["\\log_2 1025", "2 10"]),
      Case(gold: "3+4i", right: ["4i+3", "(2+i)^2"], wrong: ["3-4i", "5", "4+3i"]),
    ])
  }

  @Test func expressions() throws {
    try check([
      Case(
        gold: "x^2+2x+1", right: ["(x+1)^2", "1+2x+x^2", "(x+1)(x+1)", "\\frac{(x+1)^3}{x+1}"],
        wrong: ["(x-1)^2", "y^2+2y+1", "x^2+2x"]),
      Case(gold: "\\frac{x+2}{x-3}", right: ["1+\\frac{5}{x-3}", "\\frac{-x-2}{3-x}"], wrong: ["\\frac{x+2}{x+3}"]),
      Case(gold: "\\sin^2 x+\\cos^2 x", right: ["1"], wrong: ["2", "x"]),
      Case(gold: "e^{2x}", right: ["e^x e^x", "\\exp(2x)"], wrong: ["e^{3x}", "2e^x"]),
      Case(gold: "|x|", right: ["\\sqrt{x^2}"], wrong: ["x", "-x"]),
      Case(gold: "2^{200}", right: ["2^{200}"], wrong: ["2^{200}+1", "2^{201}"]),
      Case(gold: "9^{9^{9}}", right: ["9^{9^{9}}"], wrong: ["5", "9^{9^{8}}", "9^{9^{9}}+1"]),
    ])
  }

  @Test func collections() throws {
    try check([
      Case(
        gold: "\\{1,2,3\\}", right: ["\\{3,2,1\\}", "1,2,3", "1, 2 \\text{ and } 3", "\\{1,1,2,3\\}", "x\\in\\{1,2,3\\}"],
        wrong: ["\\{1,2\\}", "\\{1,2,3,4\\}", "(1,2,3)", "[1,2,3]"]),
      Case(gold: "\\{3,5\\}", right: ["\\boxed{3} and \\boxed{5}", "x=3, x=5", "4\\pm 1"], wrong: ["5", "\\pm 3"]),
      Case(gold: "\\{100,200\\}", right: ["100,200", "200, 100"], wrong: ["100200"]),
      Case(gold: "\\emptyset", right: ["\\{\\}", "\\varnothing", "no solution"], wrong: ["0", "\\{0\\}"]),
      Case(
        gold: "(1,2)", right: ["\\left(1,\\,2\\right)", "1,2", "x=1, y=2", "(1;2)", "\\langle 1,2\\rangle", "(x,y)=(1,2)"],
        wrong: ["(2,1)", "[1,2]", "(1,2,3)", "2,1"]),
      Case(gold: "(3,\\frac{\\pi}{2})", right: ["(3,1.570796)", "(3,90^\\circ)"], wrong: ["(\\frac{\\pi}{2},3)"]),
      Case(gold: "x=1,y=2", right: ["y=2,x=1", "(1,2)"], wrong: ["x=2,y=1", "x=1"]),
      Case(
        gold: "\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}", right: ["\\begin{bmatrix}1&2\\\\3&4\\end{bmatrix}"],
        wrong: ["\\begin{pmatrix}1&3\\\\2&4\\end{pmatrix}", "1,2,3,4"]),
      Case(gold: "5", right: ["5, 5", "\\{5\\}"], wrong: ["5, 6", "5 \\text{ or } 6", "\\{1,5\\}", "x=5, y=6"]),
    ])
  }

  @Test func equationsAndIntervals() throws {
    try check([
      Case(
        gold: "x=5", right: ["5", "5=x", "x=2+3=5", "2x=10", "x-5=0", "x equals 5"],
        wrong: ["y=5", "x=6", "x\\neq 5", "x\\ge 5", "x^2=25"]),
      Case(gold: "5", right: ["y=5", "2+3=5", "5 \\approx 5.01"], wrong: ["x^2=25", "x>5"]),
      Case(gold: "y=2x+1", right: ["2x+1", "y-2x=1", "f(x)=1+2x"], wrong: ["y=2x-1", "x=2y+1"]),
      Case(gold: "x>3", right: ["3<x", "2x>6", "(3,\\infty)", "x \\in (3,\\infty)"], wrong: ["x\\ge 3", "x<3", "y>3", "3"]),
      Case(
        gold: "1<x\\le 4", right: ["4\\ge x>1", "(1,4]", "x>1 \\text{ and } x\\le 4"],
        wrong: ["1\\le x\\le 4", "(1,4)"]),
      Case(
        gold: "[1,4)", right: ["1\\le x<4", "[1,4[", "\\{x: 1\\le x<4\\}", "x\\in[1,4)"],
        wrong: ["(1,4]", "[1,4]", "[1,5)", "1,4"]),
      Case(
        gold: "(-\\infty,0)\\cup(2,\\infty)", right: ["(2,\\infty)\\cup(-\\infty,0)", "x<0 \\text{ or } x>2"],
        wrong: ["(-\\infty,0]\\cup[2,\\infty)", "(0,2)", "x<0 \\text{ and } x>2"]),
    ])
  }

  @Test func choicesAndWords() throws {
    try check([
      Case(
        gold: "A", right: ["A", "(A)", "\\text{(A)}", "\\textbf{(A)}\\ 5", "The answer is (A)."],
        wrong: ["B", "a", "(B) A", "Apple"]),
      Case(gold: "5", right: ["\\textbf{(A)}\\ 5"], wrong: ["\\textbf{(A)}\\ 6"]),
      Case(
        gold: "\\text{Monday}", right: ["Monday", "\\text{monday}", "\\mathrm{Monday}", "The answer is Monday."],
        wrong: ["\\text{Tuesday}", "\\text{not Monday}"]),
    ])
    #expect(try score("math", "It is Monday.", answer: "\\text{Monday}").value == 1)
    #expect(try score("math", "It is not Monday.", answer: "\\text{Monday}").value == 0)
  }

  @Test(arguments: [
    ("5", "\\boxed{3} then \\boxed{5}", 1), ("5", "\\boxed{5} then \\boxed{3}", 0),
    ("5", "\\boxed{5} and \\boxed{6}", 0), ("5", "\\boxed{5", 1), ("5", "\\boxed{6} and \\boxed{5", 1),
    ("5", "\\boxed{5}, \\boxed{} is empty", 1), ("5", "<!-- \\boxed{5} --> 6", 0), ("6", "<!-- \\boxed{5} --> 6", 1),
    ("5", "\\phantom{\\boxed{5}} 6", 0), ("5", "% \\boxed{5}\n6", 0), ("5", "<think>\\boxed{5}</think> 6", 0),
    ("5", "<think>5", 0), ("5", "Answer: 5 or 6", 0), ("6", "Answer: 5 or 6", 0), ("5", "Answer: 5 is wrong", 0), ("5", "Answer: 5 \\text{ or } 6", 0), ("5", "Answer: 5 of them", 1), ("10", "\\boxed{10!}", 0),
    ("5", "Answer: about 5", 1), ("42", "The answer is 42!", 1), ("3", "There are 5 things, $x=3$.", 1),
    ("3", "The cost is $5 and the change is $3.", 1), ("5", "The cost is $5 and the change is $3.", 0),
    ("5", "9 8 7 6 5", 0), ("5", "So $x=3$ and there are 5", 1), ("5", "<answer>The answer is 5</answer>", 1),
    ("7", "Clearly 3 + 4 is what we need, 3 + 4", 1), ("3.14", "3,14", 1), ("\\frac{1}{2}", "$\\frac\n{1}{2}$", 1),
  ])
  func extraction(answer: String, response: String, value: Double) throws {
    #expect(try score("math", response, answer: answer).value == value)
  }
}
