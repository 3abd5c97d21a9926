/// One piece of an answer: LaTeX or plain text, told apart no further.
struct MathToken: Equatable {
  enum Kind: Equatable {
    /// An index into ``MathLexer/numbers``.
    case number(Int)
    /// One letter, or a Greek letter's command: a variable; `byte` is 0 for commands.
    case letter(UInt8)
    /// Letters of plain text that name nothing known, or the words of a `\text{}`.
    case word
    case function(MathFunction)
    case symbol(Symbol)
    case relation(MathRelation)
    /// A command or sign that has no meaning here: nothing that holds it is parsed.
    case unknown
  }

  enum Symbol: Equatable {
    case plus, minus, plusMinus, times, divide, power, subscripted, bang, percent, degree
    case comma, semicolon, and, or, colon, bar, union, intersection, ampersand, row
    case openRound, closeRound, openSquare, closeSquare, openBrace, closeBrace, openSet, closeSet, openAngle, closeAngle
    case fraction, binomial, root, surd, openMatrix, closeMatrix
    case pi, infinity, emptySet
  }

  let kind: Kind
  let range: Range<Int>
  /// White space stands before it.
  let isSpaced: Bool
}

enum MathRelation: Equatable { case equal, unequal, less, lessOrEqual, greater, greaterOrEqual, element, approximate }

enum MathFunction: Equatable {
  case ln, log, exp, sin, cos, tan, cot, sec, csc, arcsin, arccos, arctan, sinh, cosh, tanh
}

extension MathToken {
  /// What the words of plain text mean, lower case.
  static let words: [String: Kind] = [
    "and": .symbol(.and), "or": .symbol(.or), "equals": .relation(.equal), "percent": .symbol(.percent),
    "degrees": .symbol(.degree), "degree": .symbol(.degree), "plus": .symbol(.plus), "minus": .symbol(.minus),
    "negative": .symbol(.minus), "times": .symbol(.times), "sqrt": .symbol(.root), "pi": .symbol(.pi),
    "inf": .symbol(.infinity), "infinity": .symbol(.infinity), "oo": .symbol(.infinity), "union": .symbol(.union),
    "sin": .function(.sin), "cos": .function(.cos), "tan": .function(.tan), "cot": .function(.cot),
    "sec": .function(.sec), "csc": .function(.csc), "ln": .function(.ln), "log": .function(.log),
    "exp": .function(.exp), "arcsin": .function(.arcsin), "arccos": .function(.arccos),
    "arctan": .function(.arctan), "sinh": .function(.sinh), "cosh": .function(.cosh), "tanh": .function(.tanh),
  ]

  /// What LaTeX's commands mean.
  static let commands: [String: Kind] = {
    var table: [String: Kind] = [
      "infty": .symbol(.infinity), "pi": .symbol(.pi), "emptyset": .symbol(.emptySet),
      "varnothing": .symbol(.emptySet), "surd": .symbol(.surd), "sqrt": .symbol(.root), "cup": .symbol(.union),
      "cap": .symbol(.intersection), "pm": .symbol(.plusMinus), "mp": .symbol(.plusMinus), "div": .symbol(.divide),
      "cdot": .symbol(.times), "times": .symbol(.times), "ast": .symbol(.times), "bullet": .symbol(.times),
      "lbrace": .symbol(.openSet), "rbrace": .symbol(.closeSet), "langle": .symbol(.openAngle),
      "rangle": .symbol(.closeAngle), "mid": .symbol(.bar), "vert": .symbol(.bar), "lvert": .symbol(.bar),
      "rvert": .symbol(.bar), "colon": .symbol(.colon), "degree": .symbol(.degree), "lbrack": .symbol(.openSquare),
      "rbrack": .symbol(.closeSquare), "lparen": .symbol(.openRound), "rparen": .symbol(.closeRound),
      "land": .symbol(.and), "wedge": .symbol(.and), "lor": .symbol(.or), "vee": .symbol(.or),
      "le": .relation(.lessOrEqual), "leq": .relation(.lessOrEqual), "leqslant": .relation(.lessOrEqual),
      "ge": .relation(.greaterOrEqual), "geq": .relation(.greaterOrEqual), "geqslant": .relation(.greaterOrEqual),
      "lt": .relation(.less), "gt": .relation(.greater), "ne": .relation(.unequal), "neq": .relation(.unequal),
      "approx": .relation(.approximate), "in": .relation(.element), "arctan": .function(.arctan),
    ]
    for name in ["frac", "dfrac", "tfrac", "cfrac"] { table[name] = .symbol(.fraction) }
    for name in ["binom", "dbinom", "tbinom"] { table[name] = .symbol(.binomial) }
    for (name, kind) in words where name.utf8.count <= 6 {
      if case .function = kind { table[name] = kind }
    }
    let greek = [
      "alpha", "beta", "gamma", "delta", "epsilon", "varepsilon", "zeta", "eta", "theta", "vartheta", "iota", "kappa",
      "lambda", "mu", "nu", "xi", "rho", "sigma", "tau", "phi", "varphi", "chi", "psi", "omega", "Gamma", "Delta",
      "Theta", "Lambda", "Xi", "Pi", "Sigma", "Phi", "Psi", "Omega", "ell",
    ]
    for name in greek { table[name] = .letter(0) }
    return table
  }()

  /// Commands that set the words in their braces as text.
  static let texts: Set<String> = [
    "text", "textbf", "textit", "textrm", "textsf", "texttt", "mbox", "mathrm", "mathbf", "mathit", "mathsf",
    "operatorname", "bf", "rm", "emph", "underline", "boldsymbol",
  ]

  /// Commands that space, size or box and mean nothing.
  static let neutral: Set<String> = [
    "left", "right", "big", "bigl", "bigr", "Big", "Bigl", "Bigr", "bigg", "biggl", "biggr", "Bigg", "Biggl", "Biggr",
    "middle", "displaystyle", "textstyle", "scriptstyle", "quad", "qquad", "thinspace", "enspace", "limits", "nolimits",
    "tiny", "small", "normalsize", "large", "Large", "LARGE", "huge", "Huge", "boxed", "fbox", "framebox", "mathstrut",
    "therefore", "implies", "Rightarrow",
  ]
}
