import Formats
import Testing
import Tokenizer

/// Small templates, each with what Jinja makes of it.
struct JinjaTests {
  private func render(_ template: String, _ variables: JSONObject = JSONObject()) throws -> String {
    var input = ChatTemplate.Input(messages: [], addGenerationPrompt: false, variables: variables)
    input.now = LocalTime("2026-11-21T16:05:09")
    return try ChatTemplate(template, name: "t").render(input).text
  }

  @Test(arguments: [
    // White space: blocks take their line along, "-" strips, "+" keeps.
    ("a\n  {% if true %}\nb\n  {% endif %}\nc", "a\nb\nc"),
    ("a\n  {{ 1 }}\nb", "a\n  1\nb"),
    ("a {%- if true -%}  b  {%- endif %} c", "ab c"),
    ("  {%+ if true %}x{% endif +%}\ny", "  x\ny"),
    ("x {# gone #} y\n", "x  y"),
    ("x\n\n", "x\n"),
    ("a\r\nb\rc\r\n", "a\nb\nc"),
    ("{% raw %}{{ x }} {% y %}{% endraw %}z", "{{ x }} {% y %}z"),
    ("{{ '}}' }}{{ {'a': {'b': 1}}['a']['b'] }}", "}}1"),
    // Values and operators.
    ("{{ 1 + 2 * 3 ** 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 7 / 2 }} {{ 1e3 }}", "19 -4 2 3.5 1000.0"),
    ("{{ 'a' ~ 1 ~ true ~ none }} {{ 'ab' * 2 }} {{ 'a' 'b' }}", "a1TrueNone abab ab"),
    ("{{ 3 > 2 > 1 }} {{ 1 == 1.0 }} {{ '1' == 1 }} {{ not [] }}", "True True False True"),
    ("{{ 'a' in 'cat' }} {{ 2 not in [1] }} {{ 'k' in {'k': 1} }}", "True True True"),
    ("{{ 0 or 'x' }} {{ 'a' and 'b' }} {{ 'y' if 1 else 'n' }}{{ 'z' if 0 }}", "x b y"),
    ("{{ 'abcdef'[1:4] }} {{ 'abc'[::-1] }} {{ 'abc'[-1] }} {{ [1, 2, 3][:-1] }}", "bcd cba c [1, 2]"),
    ("{{ [1, 'it\\'s', none, 2.5] }} {{ {'k': 'v\\n'} }}", "[1, \"it's\", None, 2.5] {'k': 'v\\n'}"),
    ("{{ '\\u00e9\\x41\\t\\q' }}", "\u{e9}A\t\\q"),
    (
      "[{{ nothing }}] {{ nothing is defined }} {{ nothing | default('d') }} {{ '' | default('e', true) }}",
      "[] False d e"
    ),
    // Loops and names.
    (
      "{% for x in [1, 2, 3] %}{{ loop.index }}/{{ loop.length }}{{ ', ' if not loop.last }}{% endfor %}",
      "1/3, 2/3, 3/3"
    ),
    ("{% for x in range(9) if x is odd %}{% if x > 5 %}{% break %}{% endif %}{{ x }}{% else %}none{% endfor %}", "135"),
    ("{% for x in [] %}{{ x }}{% else %}none{% endfor %}", "none"),
    ("{% set x = 1 %}{% for y in [1, 2] %}{{ x }}{% set x = 9 %}{% endfor %}{{ x }}", "111"),
    ("{% set n = namespace(a=1) %}{% for y in [1, 2] %}{% set n.a = n.a + y %}{% endfor %}{{ n.a }}", "4"),
    ("{% for k, v in {'a': 1, 'b': 2}.items() %}{{ k }}{{ v }}{% endfor %}", "a1b2"),
    ("{% set a, b = 1, 2 %}{{ b }}{{ a }}", "21"),
    ("{% if false %}1{% elif true %}2{% else %}3{% endif %}", "2"),
    // Filters, tests, methods.
    ("{{ ' x ' | trim }}|{{ 'a,b'.split(',') | join('-') }}|{{ ' a  b '.split() | length }}", "x|a-b|2"),
    ("{{ 'x'.startswith(('y', 'x')) }} {{ 'abc'.endswith('bc') }} {{ '--a-'.strip('-') }}", "True True a"),
    ("{{ {'b': [1, 2.5, none, '<\"é'], 'a': {}} | tojson }}", "{\"b\": [1, 2.5, null, \"<\\\"é\"], \"a\": {}}"),
    ("{{ {'a': 1}.get('b', 2) }} {{ {'a': 1}.a }} {{ 'x' is string and 1 is number }}", "2 1 True"),
    (
      "{{ ['b', 'A'] | sort | join }} {{ [3, 1] | sort(reverse=true) }} {{ {'b': 1, 'a': 2} | dictsort }}",
      "Ab [3, 1] [('a', 2), ('b', 1)]"
    ),
    (
      "{% for k, g in [{'n': 1}, {'n': 2}, {'n': 1}] | groupby('n') %}{{ k }}:{{ g | length }} {% endfor %}", "1:2 2:1 "
    ),
    ("{{ [1, 2, 3, 4] | select('even') | map('string') | join('+') }} {{ ['a'] | map('upper') | first }}", "2+4 A"),
    ("{% set g = [1] | map('string') %}{{ g | list }}{{ g | list }}", "['1'][]"),
    ("{{ 'a.b.c'.rsplit('.', 1) }} {{ 'a.b'.partition('.') }} {{ 'x'.zfill(3) }}", "['a.b', 'c'] ('a', '.', 'b') 00x"),
    (
      "{{ '%s|%5.2f|%-4d|%x' % ('a', 2.345, 7, 255) }} {{ '{:>4}{:.1f}{!r}'.format('a', 2.25, 'q') }}",
      "a| 2.35|7   |ff    a2.2'q'"
    ),
    ("{{ 'a\nb' | indent }} {{ 'a-b c' | title }} {{ 'ΑΣ'.lower() }} {{ 'ß'.upper() }}", "a\n    b A-B C ας SS"),
    (
      "{{ 42 | round }} {{ 2.5 | round }} {{ 2.675 | round(2) }} {{ '1e3' | int }} {{ '0x1f' | int(0, 16) }}",
      "42 2.0 2.67 1000 31"
    ),
    (
      "{{ {'a': [1, {}]} | tojson(indent=2) }} {{ {1: none} | tojson(separators=(',', ':')) }}",
      "{\n  \"a\": [\n    1,\n    {}\n  ]\n} {\"1\":null}"
    ),
    ("{{ 1e16 }} {{ 1e-5 }} {{ 0.0001 }} {{ 123456789.0 }} {{ -0.0 }}", "1e+16 1e-05 0.0001 123456789.0 -0.0"),
    // Blocks that name things.
    ("{% macro m(a, b=a) %}{{ a }}{{ b }}{{ varargs }}{% endmacro %}{{ m(1) }} {{ m(1, 2, 3) }}", "11() 12(3,)"),
    ("{% macro m(x) %}<{{ caller(x) }}>{% endmacro %}{% call(y) m(3) %}{{ y + 1 }}{% endcall %}", "<4>"),
    ("{% set x %} a {% endset %}{% set y | trim | upper %} b {% endset %}[{{ x }}{{ y }}]", "[ a B]"),
    ("{% filter upper %}a{{ 'b' }}{% endfilter %}{% with a = 1 %}{{ a }}{% endwith %}{{ a is defined }}", "AB1False"),
    ("{% for x in [[1, [[2, []]]]] recursive %}{{ x[0] }}{{ loop.depth }}{{ loop(x[1]) }}{% endfor %}", "1122"),
    (
      "{% for x in 'aab' %}{{ loop.changed(x) }}{{ loop.cycle(1, 2) }}{{ loop.nextitem }} {% endfor %}",
      "True1a False2b True1 "
    ),
    (
      "{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.next() }}{% set j = joiner() %}{{ j() }}x{{ j() }}",
      "abax, "
    ),
    (
      "{{ dict(a=1) }} {{ dict([('b', 2)], c=3) }} {{ strftime_now('%d %b %Y %H:%M:%S %a %j') }}",
      "{'a': 1} {'b': 2, 'c': 3} 21 Nov 2026 16:05:09 Sat 325"
    ),
  ])
  func renders(_ template: String, _ expected: String) throws {
    #expect(bytes(try render(template)) == bytes(expected))
  }

  /// Malformed templates and constructs that are not covered: an error with line and column.
  @Test(arguments: [
    ("a\n  {% frobnicate %}", "t:2:6"), ("{{ x | frobnicate }}", "t:1:8"), ("{{ x is frobnicate }}", "t:1:9"),
    ("{% if x %}", "t:1:4"), ("{% endif %}", "t:1:4"), ("{{ 'é' }}{{ 1 + }}", "t:1:17"), ("{{ (1 }}", "t:1:7"),
    ("{{ x", "t:1:1"), ("{# x", "t:1:1"), ("{{ 'x }}", "t:1:4"), ("{% raw %}x", "t:1:1"), ("{{ f(1) }}", "t:1:5"),
    ("{{ x.f() }}", "t:1:5"), ("{{ strftime_now('%Q') }}", "t:1:16"), ("{% macro m() %}", "t:1:4"),
    ("{% macro m(a, a) %}{% endmacro %}", "t:1:15"), ("{% call 1 %}{% endcall %}", "t:1:4"),
    ("{% include 'x' %}", "t:1:4"),
    ("{% for x in y %}{% generation %}{% break %}{% endgeneration %}{% endfor %}", "t:1:36"),
    ("{{ x is y is z }}", "t:1:9"),
    ("{% break %}", "t:1:4"), ("{{ 99999999999999999999 }}", "t:1:4"), ("{{ ] }}", "t:1:4"), ("{{ a.b.c }}", "t:1:5"),
    ("{{ 1 // 0 }}", "t:1:6"), ("{{ 9223372036854775807 + 1 }}", "t:1:24"), ("{{ 'a' < 1 }}", "t:1:4"),
    ("{{ raise_exception('no') }}", "t:1:19"), ("{{ 'a' * 99999999999 }}", "t:1:8"), ("{{ none | length }}", "t:1:11"),
    ("{% for x in 1 %}{% endfor %}", "t:1:4"), ("{% set a, b = [1] %}", "t:1:8"), ("{{ range(999999) }}", "t:1:9"),
  ])
  func namesThePlace(_ template: String, _ place: String) throws {
    let error = #expect(throws: RollbookError.self) { try render(template) }
    #expect(error?.place == place)
    #expect(error?.code == .badInput)
  }
}
