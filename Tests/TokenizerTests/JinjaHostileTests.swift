import Formats
import Foundation
import Testing
import Tokenizer

/// Templates that want too much: an error with a place, in bounded time and memory, and no crash.
struct JinjaHostileTests {
  private func render(_ template: String) throws -> String {
    let messages: [JSON] = [["role": "user", "content": "Hi"], ["role": "assistant", "content": [["text": "x"]]]]
    return try ChatTemplate(template, name: "t").render(ChatTemplate.Input(messages: messages)).text
  }

  private func expectFault(_ template: String, _ words: String) {
    let error = #expect(throws: RollbookError.self, "\(template.prefix(200))") { try render(template) }
    #expect(error?.code == .badInput)
    #expect(error?.place.hasPrefix("t:") == true && error?.place.split(separator: ":").count == 3)
    #expect(error?.message.contains(words) == true, "\(error.map { "\($0)" } ?? "")")
  }

  @Test(arguments: [
    ("{% macro f(n) %}{{ f(n) }}{% endmacro %}{{ f(1) }}", "too deeply"),
    (
      "{% macro f(n) %}{% if true %}{% for x in [1] %}{{ [f(n)] | list }}{% endfor %}{% endif %}{% endmacro %}{{ f(1) }}",
      "too deeply"
    ),
    (
      "{% macro f() %}{{ caller() }}{% endmacro %}{% macro g() %}{% call f() %}{{ g() }}{% endcall %}{% endmacro %}{{ g() }}",
      "too deeply"
    ),
    ("{% for x in [[1]] recursive %}{{ loop([x]) }}{% endfor %}", "too deeply"),
    ("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "too many steps"),
    ("{% for a in range(99999) %}{{ range(99999) | map('string') | list }}{% endfor %}", "t"),
    ("{% set n = namespace(x='ab') %}{% for i in range(99) %}{% set n.x = n.x ~ n.x %}{% endfor %}", "too long"),
    ("{% set n = namespace(x='ab') %}{% for i in range(99) %}{% set n.x = n.x + n.x %}{% endfor %}", "too long"),
    ("{% set n = namespace(x=[1]) %}{% for i in range(99) %}{% set n.x = n.x + n.x %}{% endfor %}", "too"),
    ("{% set n = namespace(x=[1]) %}{% for i in range(999) %}{% set n.x = [n.x] %}{% endfor %}", "too deeply"),
    ("{% set n = namespace(x={}) %}{% for i in range(999) %}{% set n.x = {'a': n.x} %}{% endfor %}", "too deeply"),
    (
      "{% set n = namespace(x=[1]) %}{% for i in range(99) %}{% set n.x = [n.x, n.x] %}{% endfor %}{{ n.x }}",
      "too much"
    ),
    (
      "{% set n = namespace(x=[1]) %}{% for i in range(99) %}{% set n.x = [n.x, n.x] %}{% endfor %}{{ n.x | tojson }}",
      "too"
    ),
    (
      "{% set n = namespace(x=[1], y=[1]) %}{% for i in range(99) %}{% set n.x = [n.x, n.x] %}"
        + "{% set n.y = [n.y, n.y] %}{% endfor %}{{ n.x == n.y }}", "too much"
    ),
    ("{% set n = namespace(x=1) %}{% set n.x = n %}{{ n.x.x }}", "namespace"),
    ("{{ 'a' * 9223372036854775807 }}", "too long"), ("{{ [1] * 9223372036854775807 }}", "too long"),
    ("{{ 'a' | center(9223372036854775807) }}", "too long"), ("{{ 'a'.ljust(999999999999) }}", "too long"),
    ("{{ '%99999999999d' % 1 }}", "widths"), ("{{ '{:99999999999}'.format('a') }}", "widths"),
    ("{{ range(-9223372036854775807, 9223372036854775807) }}", "100000"),
    ("{{ range(9223372036854775807, -9223372036854775807, -9223372036854775807) | list | length + none }}", "none"),
    ("{% set s = 'a' * 60000000 %}{{ s | replace('', s) }}", "too long"),
    ("{% set s = 'a' * 9000000 %}{{ [s, s, s, s, s, s, s, s, s] | join(s) }}", "too long"),
    ("{% set s = 'a' * 9000000 %}{{ [1] | tojson(indent=s) }}{{ [[[[[[[[1]]]]]]]] | tojson(indent=s) }}", "too long"),
    ("{% set s = 'a' * 9000000 %}{% for i in range(99) %}{{ s }}{% endfor %}", "too"),
    ("{% set s = '\n' * 9000000 %}{{ s | indent(1000) }}", "too long"),
    ("{{ [1, 2] | batch(9223372036854775807, 0) | list }}", "too long"),
    ("{{ [1] | slice(999999999999) | list }}", "too long"),
    ("{{ 9223372036854775807 + 1 }}", "64 bits"), ("{{ -9223372036854775807 - 2 }}", "64 bits"),
    ("{{ (-9223372036854775807 - 1) // -1 }}", "64 bits"), ("{{ -(-9223372036854775807 - 1) }}", "64 bits"),
    ("{{ (-9223372036854775807 - 1) | abs }}", "64 bits"), ("{{ 2 ** 64 }}", "64 bits"),
    ("{{ 1e300 | int }}", "64 bits"),
    ("{{ '%d' % 1e300 }}", "64 bits"), ("{{ 1 % 0 }}", "zero"), ("{{ 1.5 // 0 }}", "zero"), ("{{ [1][::0] }}", "step"),
    ("{{ messages.__class__ }}", "not allowed"), ("{{ ''.__class__.__mro__ }}", "not allowed"),
    ("{% set n = namespace(_x=1) %}", "\"_\""), ("{{ [1].append(2) }}", "must not"),
    ("{{ {}.update({}) }}", "must not"),
  ])
  func refuses(_ template: String, _ words: String) { expectFault(template, words) }

  /// Bounds of arithmetic that are met exactly, and searches that would take a naive one hours.
  @Test(arguments: [
    ("{{ 'abc'[-9223372036854775807:9223372036854775807:9223372036854775807] }}", "a"),
    ("{{ 'abc'[9223372036854775807::-9223372036854775807] }}", "c"),
    ("{{ [] * 9223372036854775807 }}{{ '' * 9223372036854775807 }}", "[]"),
    ("{{ (-9223372036854775807 - 1) % -1 }}", "0"),
    ("{{ ('a' * 2000000).find('a' * 1000000 ~ 'b') }}", "-1"),
    ("{{ ('a' * 2000000).rfind('b' ~ 'a' * 1000000) }}", "-1"),
  ])
  func rendersAtTheBounds(_ template: String, _ expected: String) throws {
    #expect(try render(template) == expected)
  }

  /// Nesting that would overflow the stack of a naive parser or interpreter.
  @Test(arguments: [
    String(repeating: "(", count: 20_000), String(repeating: "[", count: 20_000), String(repeating: "-", count: 20_000),
    String(repeating: "not ", count: 20_000) + "x", "1" + String(repeating: "+1", count: 20_000),
    "x" + String(repeating: ".a", count: 20_000), "x" + String(repeating: " if x else x", count: 10_000),
    "1" + String(repeating: "+1", count: 900), "x" + String(repeating: "|list", count: 900),
    "x" + String(repeating: "()", count: 900), String(repeating: "{1:", count: 600),
    "1" + String(repeating: " if 1 else 1", count: 450) + "+ none",
  ])
  func refusesEndlessNesting(_ expression: String) {
    #expect(throws: RollbookError.self) { try render("{{ \(expression) }}") }
    #expect(throws: RollbookError.self) {
      try render(String(repeating: "{% if x %}", count: 20_000) + "{{ \(expression) }}")
    }
    #expect(throws: RollbookError.self) {
      try render("{% for \(String(repeating: "(", count: 900))x in y %}{% endfor %}{{ \(expression) }}")
    }
  }

  /// The deepest nesting that is accepted does not overflow the stack of a small thread either.
  @Test func theDeepestTemplateFitsASmallStack() async throws {
    let inner = String(repeating: "[", count: 90) + "f(n - 1) if n > 0 else 0" + String(repeating: "]", count: 90)
    let deep =
      "{% macro f(n) %}" + String(repeating: "{% if n is number %}", count: 90) + "{{ \(inner) }}"
      + String(repeating: "{% endif %}", count: 90) + "{% endmacro %}{{ f(100) }}"
    let error = await withCheckedContinuation { continuation in
      let thread = Thread {
        do {
          _ = try render(deep)
          continuation.resume(returning: RollbookError?.none)
        } catch { continuation.resume(returning: error as? RollbookError) }
      }
      thread.stackSize = 1 << 20
      thread.start()
    }
    #expect(error?.message.contains("too deeply") == true)
  }
}
