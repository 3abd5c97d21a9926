/// An expression, with the offset in the template's text that errors about it name.
indirect enum TemplateExpression: Sendable {
  case constant(TemplateValue)
  case name(String, Int)
  case list([TemplateExpression])
  case dictionary([(key: TemplateExpression, value: TemplateExpression)], Int)
  /// `a.b`
  case attribute(TemplateExpression, String, Int)
  /// `a[b]`
  case item(TemplateExpression, TemplateExpression, Int)
  /// `a[start:stop:step]`
  case slice(TemplateExpression, [TemplateExpression?], Int)
  /// A call of a function by its name, or of a method.
  case call(function: String, TemplateArguments, Int)
  case method(TemplateExpression, String, TemplateArguments, Int)
  case filter(TemplateExpression, String, TemplateArguments, Int)
  case test(TemplateExpression, String, TemplateArguments, Int)
  case not(TemplateExpression)
  case and(TemplateExpression, TemplateExpression)
  case or(TemplateExpression, TemplateExpression)
  /// `a < b <= c`: each operand is compared with the next.
  case comparison(TemplateExpression, [(operation: String, operand: TemplateExpression)], Int)
  /// `+ - * / // % **`
  case arithmetic(String, TemplateExpression, TemplateExpression, Int)
  /// `-a`, `+a`
  case sign(String, TemplateExpression, Int)
  /// `a ~ b`
  case concatenation([TemplateExpression])
  /// `a if condition else b`; without `else`, undefined.
  case conditional(TemplateExpression, condition: TemplateExpression, otherwise: TemplateExpression?)
}

/// What stands between the brackets of a call.
struct TemplateArguments: Sendable {
  var positional: [TemplateExpression] = []
  var named: [(name: String, value: TemplateExpression)] = []
}

/// A part of a template.
indirect enum TemplateNode: Sendable {
  case text(String)
  case output(TemplateExpression)
  case conditional([(condition: TemplateExpression, body: [TemplateNode])], otherwise: [TemplateNode])
  case loop(TemplateLoop)
  case assignment([String], TemplateExpression, Int)
  /// `{% set ns.name = … %}`
  case attributeAssignment(String, String, TemplateExpression, Int)
  case breakLoop
  case continueLoop
}

/// `{% for targets in items if condition %} body {% else %} otherwise {% endfor %}`
struct TemplateLoop: Sendable {
  let targets: [String]
  let items: TemplateExpression
  let condition: TemplateExpression?
  let body: [TemplateNode]
  let otherwise: [TemplateNode]
  let offset: Int
}
