import Formats
import Foundation
import Testing

extension ProgramTests {
  /// The `code` reward: forms of tests, settings, languages.
  @Suite(.enabled(if: SandboxSupport.isThere, SandboxSupport.comment)) struct CodeTests {
    let scratch: Scratch

    init() throws { scratch = try Scratch() }

    static let sum: JSON = [
      "tests": [["input": "1 2\n", "output": "3\n"], ["input": "5 6", "output": "11"]]
    ]
    static let adding = "a, b = map(int, input().split())\nprint(a + b)"

    @Test func formsOfTests() throws {
      let double =
        "import math\nclass Bad(ValueError): pass\ndef f(x):\n  if x is None: raise Bad('none')\n  return x * 2"
      let metas: [JSON] = [
        ["entry_point": "f", "test": "def check(candidate):\n  assert candidate(2) == 4\n"],
        [
          "test_list": ["assert f(2) == 4", "assert f('a') == 'aa'"],
          "test_setup_code": "import math",
        ],
        ["tests": "def test_a():\n  assert f(2) == 4\ndef test_b():\n  assert f([1]) == [1, 1]\n"],
        [
          "tests": """
          import unittest
          class T(unittest.TestCase):
            def test_a(self): self.assertEqual(f(2), 4)
            def test_b(self):
              with self.assertRaises(ValueError): f(None)
          if __name__ == '__main__': unittest.main()
          """
        ],
        [
          "tests":
            "try:\n  f(None)\n  assert False\nexcept Bad as e:\n  assert str(e) == 'none'\nassert math.pi > 3\n"
        ],
        ["fn_name": "f", "inputs": [[2], ["a"]], "outputs": [4, "aa"]],
        ["entry_point": "f", "input_output": "{\"inputs\": [[2], [3]], \"outputs\": [4, 6]}"],
        ["tests": "x = 3\n"], ["tests": "assert f(2) =="],
        ["tests": "import no_such_module\nassert f(2) == 4"], [:],
        ["tests": [["input": "1"]]],
      ]
      try scratch.importing(metas.map { (fenced(double), $0) })
      let verdicts = try scratch.judged("code")
      #expect(values(verdicts) == "1 1 1 1 1 1 1 - - - - -", "\(verdicts)")
      #expect(verdicts[1].extracted == "passed 2" && verdicts[3].extracted == "passed 2")
      #expect(
        verdicts[7].extracted == "no tests" && verdicts[8].extracted.contains("cannot be read"))
    }

    /// What is extracted holds no address in memory, so a rerun gives the same bytes.
    @Test func theSameBytesAgain() throws {
      let program = "class E: pass\ndef f(x): return [E(), E()]"
      try scratch.importing([(fenced(program), ["tests": "assert f(1) == 2"])])
      let verdicts = try scratch.judged("code")
      #expect(verdicts[0].extracted.contains(" at 0x…"), "\(verdicts)")
      try scratch.rollbook("rerun", "0/scores/main").expect(0, naming: "identical")
    }

    /// Objects, work in place, iterators and large numbers cross between the two processes.
    @Test func valuesThatCross() throws {
      let program = """
        import collections, fractions
        class Stack:
          def __init__(self): self.items = []
          def push(self, x): self.items.append(x)
          def pop(self): return self.items.pop()
          def __len__(self): return len(self.items)
          def __getitem__(self, i): return self.items[i]
        def sort(x): x.sort()
        def steal(x):
          x.clear()
          return []
        def count():
          yield from (1, 2)
        def echo(x): return x
        def power(n): return 3 ** n
        """
      let tests = """
        s = Stack()
        s.push(3)
        assert len(s) == 1
        assert s[0] == 3
        assert s.pop() == 3
        x = [3, 1, 2]
        sort(x)
        assert x == [1, 2, 3]
        assert list(count()) == [1, 2]
        assert power(20000) == 3 ** 20000
        v = (1, 2.5, -0.0, "é\\ud800", b"a", {1, 2}, {(1,): [None, True]}, 1j, range(3), float("inf"))
        assert echo(v) == v
        assert type(echo(v)) is tuple
        try:
          s.pop()
          assert False
        except IndexError:
          pass
        y = [2, 1]
        assert steal(y) == sorted(y)
        """
      try scratch.importing([(fenced(program), ["tests": .string(tests)])])
      let verdict = try #require(scratch.judged("code:partial=true").first)
      // The last one fails: what a function returns beside is not what it did to its arguments.
      #expect(
        verdict.value == 9.0 / 10 && verdict.extracted == "test 10: expected [1, 2], found []",
        "\(verdict)")
    }

    @Test func standardInputAndOutput() throws {
      let rows: [(String, String)] = [
        (Self.adding, "passed 2"), ("print(3)", "test 2: expected '11' in line 1, found '3'"),
        ("import sys\nsys.exit(3)", "test 1: exit code 3"),
        ("raise ValueError('x')", "exit code 1: ValueError: x"),
        ("while True: print('x' * 1000)", "test 1: output limit"),
        ("while True: pass", "test 1: timed out"),
        ("import sys\nsys.stderr.write('e' * 5000000)\n\(Self.adding)", "passed 2"),
        ("x = [", "SyntaxError"),
        ("import ctypes\nctypes.string_at(0)", "killed by signal 11"),
        ("open('/tmp/x', 'w')", "Read-only"),
        ("print('3 ', end='  \\n\\n')", "test 2"),
      ]
      try scratch.importing(rows.map { (fenced($0.0), Self.sum) })
      for (row, verdict) in zip(rows, try scratch.judged("code:timeout=3,output=64=1")) {
        #expect(
          verdict.extracted.contains(row.1) && (verdict.value == 1) == (row.1 == "passed 2"),
          "\(row.0)\n\(verdict)")
      }
      let half = try scratch.judged("code:partial=true,timeout=3=1", set: "half")
      #expect(half[0].value == 1 && half[1].value == 0.5 && half[2].value == 0, "\(half)")
    }

    @Test func otherLanguages() throws {
      try scratch.importing([
        (fenced("read a b; echo $((a + b))", "bash"), Self.sum), (fenced(Self.adding), Self.sum),
        (fenced("sleep 100 & sleep 100 & read a b; echo $((a + b))", "sh"), Self.sum),
        (fenced(":(){ :|:& };:", "sh"), Self.sum),
        (fenced("read a b; echo $((a + b)); touch /tmp/x", "sh"), Self.sum),
        (fenced("cat /etc/passwd", "sh"), Self.sum),
        (fenced("f() { :; }"), ["tests": "assert f() == 1"]),
      ])
      let verdicts = try scratch.judged("code:interpreter=bash,timeout=3=1")
      #expect(values(verdicts) == "1 0 1 0 0 0 0", "\(verdicts)")
      #expect(
        verdicts[1].extracted == "no code" && verdicts[4].extracted.contains("Read-only"),
        "\(verdicts)")
      let command = try scratch.judged(
        "code:command=exec bash {file},language=sh|bash", set: "command")
      #expect(values(command) == "1 0 1 0 0 0 0", "\(command)")
    }

    @Test func whereTheProgramIs() throws {
      let meta: JSON = ["entry_point": "f", "tests": "assert f() == 1"]
      let (good, bad) = ("def f(): return 1", "def f(): return 2")
      try scratch.importing([
        (fenced(bad) + "\nno:\n" + fenced(good, "py"), meta),
        (fenced(good) + "\n" + fenced("x", "text"), meta),
        (fenced(good) + "\n```python\n" + bad, meta), ("<answer>\n\(good)\n</answer>", meta),
        (good, meta),
        ("<answer>" + fenced(good, "") + "</answer>", meta),
        ("  ````Python\n  \(good)\n  ````", meta),
        ("```\ndef f():\n  '''a ``` b'''\n  return 1```\n", meta),
      ])
      #expect(values(try scratch.judged("code")) == "1 1 1 0 0 1 1 1")
      #expect(values(try scratch.judged("code:from=tag", set: "tag")) == "0 0 0 1 0 1 0 0")
      #expect(values(try scratch.judged("code:from=text", set: "text")) == "0 0 0 0 1 0 0 0")
    }

    @Test func provenanceAndSelection() throws {
      try scratch.importing([(fenced(Self.adding), Self.sum), (fenced("print(1)"), Self.sum)])
      let verdicts = try scratch.judged("code", set: "some", "--where", "sample = 7")
      #expect(values(verdicts) == "- -")
      _ = try scratch.judged("code:timeout=7.5,memory=300=1")
      let manifest = try scratch.scoreManifest()
      let told = try #require(manifest.action.parameters["reward.0"])
      for word in [
        "timeout=7.5", "memory=300", "interpreter-version=Python 3", "digest=xxh3",
        "sandbox=bubblewrap",
      ] {
        #expect(told.contains(word), "\(told)")
      }
    }
  }

  /// What is refused, and what runs without a sandbox: needs none.
  @Suite struct CodeRefusalTests {
    let scratch: Scratch

    init() throws {
      scratch = try Scratch()
      let meta: JSON = ["entry_point": "f", "tests": "assert f(1) == 2"]
      try scratch.importing([
        (fenced("def f(x): return x + 1"), meta),
        (fenced("import os\nopen('x', 'w')\ndef f(x): return 1"), meta),
        (fenced("print(int(input()) + 1)"), ["tests": [["input": "1", "output": "2"]]]),
      ])
    }

    private func score(_ spec: String, path: String? = nil, _ flags: String...) throws -> Outcome {
      try scratch.run(
        "rollbook-score", ["--buffer", scratch.buffer, "--step", "0", "--reward", spec] + flags,
        environment: path.map { ["PATH": $0] } ?? [:])
    }

    @Test func settingsThatCannotBe() throws {
      try score("code:timeout=0").expect(64, naming: "timeout")
      try score("code:memory=much").expect(64, naming: "memory")
      try score("code:from=mind").expect(64, naming: "from", "fence")
      try score("code:partial=yes").expect(64, naming: "partial")
      try score("code:read=usr").expect(64, naming: "read")
      try score("code:interpreter=a,command=b").expect(64, naming: "both")
      try score("code:speed=9").expect(64, naming: "speed", "timeout")
    }

    @Test func nothingRunsWithoutASandbox() throws {
      try score("code", path: "/nowhere").expect(
        69, naming: "bubblewrap", "apt-get install", "--unsafe-code")
      try score("code:interpreter=no-such", path: "/nowhere").expect(69, naming: "no-such")
      let words = "bwrap: No permissions to create a new namespace"
      let fake = try scratch.file(
        "bwrap",
        "#!/bin/sh\n[ \"$1\" = --version ] && echo bubblewrap 0.8.0 && exit\necho '\(words)' >&2\nexit 1\n"
      )
      for path in [fake, scratch.folder] {
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
      }
      try score("code", path: "\(scratch.folder):/usr/bin:/bin").expect(
        69, naming: words, "sysctl", "--unsafe-code")
      #expect(scratch.names("shards/scores").isEmpty)
    }

    @Test func unsafeIsLoudAndRecorded() throws {
      let before = try FileManager.default.contentsOfDirectory(atPath: scratch.folder)
      try score("code", path: "/nowhere", "--unsafe-code", "--quiet").expect(
        0, naming: "WARNING", "WITHOUT A SANDBOX")
      let kept = try scratch.scores(0).map { CodeVerdict(value: $0.components[0], extracted: "") }
      #expect(values(kept) == "1 0 1")
      let manifest = try scratch.scoreManifest()
      #expect(manifest.action.parameters["reward.0"]?.contains("sandbox=none") == true)
      let after = try FileManager.default.contentsOfDirectory(atPath: scratch.folder)
      #expect(
        after.filter { !$0.hasPrefix("output") }.sorted()
          == before.filter { !$0.hasPrefix("output") }.sorted())
    }
  }
}
