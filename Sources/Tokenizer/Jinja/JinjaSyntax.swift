/// An expression, with the offset in the template's text that errors about it name.
indirect enum JinjaExpression: Sendable {
  case none
  case bool(Bool)
  case int(Int)
  case double(Double)
  case string(String)
  case name(String, Int)
  case list([JinjaExpression], Int)
  case tuple([JinjaExpression], Int)
  case dictionary([(key: JinjaExpression, value: JinjaExpression)], Int)
  /// `a.b`
  case attribute(JinjaExpression, String, Int)
  /// `a[b]`
  case item(JinjaExpression, JinjaExpression, Int)
  /// `a[start:stop:step]`
  case slice(JinjaExpression, [JinjaExpression?], Int)
  case call(JinjaExpression, JinjaArgumentList, Int)
  case filter(JinjaExpression, String, JinjaArgumentList, Int)
  case test(JinjaExpression, String, JinjaArgumentList, Int)
  case not(JinjaExpression)
  case and(JinjaExpression, JinjaExpression)
  case or(JinjaExpression, JinjaExpression)
  /// `a < b <= c`: each operand is compared with the next.
  case comparison(JinjaExpression, [(operation: String, operand: JinjaExpression)], Int)
  /// `+ - * / // % **`
  case arithmetic(String, JinjaExpression, JinjaExpression, Int)
  /// `-a`, `+a`
  case sign(String, JinjaExpression, Int)
  /// `a ~ b`
  case concatenation([JinjaExpression], Int)
  /// `a if condition else b`; without `else`, undefined.
  case conditional(JinjaExpression, condition: JinjaExpression, otherwise: JinjaExpression?)
}

/// What stands between the brackets of a call.
struct JinjaArgumentList: Sendable {
  var positional: [JinjaExpression] = []
  var named: [(name: String, value: JinjaExpression)] = []
}

/// What `set` and `for` give values to.
indirect enum JinjaTarget: Sendable {
  case name(String)
  case tuple([JinjaTarget], Int)
  /// `ns.name`, of a namespace
  case attribute(String, String, Int)
}

/// A filter applied to a block's text: `{% filter upper %}`, `{% set x | trim %}`.
struct JinjaBlockFilter: Sendable {
  let name: String
  let arguments: JinjaArgumentList
  let offset: Int
}

/// A part of a template.
indirect enum JinjaNode: Sendable {
  case text(String)
  case output(JinjaExpression, Int)
  case conditional([(condition: JinjaExpression, body: [JinjaNode])], otherwise: [JinjaNode])
  case loop(JinjaLoopNode)
  case assignment(JinjaTarget, JinjaExpression, Int)
  /// `{% set target %} body {% endset %}`
  case blockAssignment(JinjaTarget, [JinjaBlockFilter], [JinjaNode], Int)
  /// `{% filter … %} body {% endfilter %}`
  case filtered([JinjaBlockFilter], [JinjaNode])
  /// `{% with a = 1 %} body {% endwith %}`
  case with([(target: JinjaTarget, value: JinjaExpression)], [JinjaNode], Int)
  case macro(JinjaMacroNode)
  /// `{% call(parameters) macro(…) %} body {% endcall %}`
  case callBlock(JinjaExpression, JinjaMacroNode, Int)
  /// `{% generation %} body {% endgeneration %}`: text that the assistant wrote
  case generation([JinjaNode], Int)
  case breakLoop
  case continueLoop
}

/// `{% for target in items if condition recursive %} body {% else %} otherwise {% endfor %}`
struct JinjaLoopNode: Sendable {
  let target: JinjaTarget
  let items: JinjaExpression
  let condition: JinjaExpression?
  let isRecursive: Bool
  let body: [JinjaNode]
  let otherwise: [JinjaNode]
  let offset: Int
}

/// `{% macro name(parameters) %} body {% endmacro %}`
struct JinjaMacroNode: Sendable {
  let name: String
  let parameters: [(name: String, fallback: JinjaExpression?)]
  let body: [JinjaNode]
  /// Which of `varargs`, `kwargs` and `caller` the body uses: only then does Jinja let them be given.
  let uses: Set<String>
}
