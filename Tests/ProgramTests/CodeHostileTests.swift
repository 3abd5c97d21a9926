import Formats
import Foundation
import Testing

extension ProgramTests {
  /// Programs that try to get out, to learn the tests or to fake a pass. `f` is to return 9000 + its argument.
  @Suite(.enabled(if: SandboxSupport.isThere, SandboxSupport.comment)) struct CodeHostileTests {
    static let meta: JSON = [
      "entry_point": "f", "tests": "assert f(1) == 9001\nassert f(2) == 9002\n",
    ]
    static let right = "def f(x): return 9000 + x"

    /// The program, and words of the verdict: "passed 2" is the only pass.
    static let cases: [(program: String, says: String)] = [
      // What it sees.
      (
        "import os\nraise ValueError(sorted(os.listdir('/')))",
        "['dev', 'etc', 'lib', 'lib64', 'tmp', 'usr']"
      ),
      (
        "import os\nraise ValueError(os.listdir('/tmp'), os.listdir('.'), os.getpid())",
        "(['box'], [], 1)"
      ),
      (
        "import os\nraise ValueError(os.path.exists('/proc'), os.path.exists('/etc/passwd'))",
        "(False, False)"
      ),
      (
        "import os\nraise ValueError([i for i in range(200) if not os.fstat(i)])",
        "Bad file descriptor"
      ),
      (
        """
        import os
        found = []
        for i in range(300):
          try: os.fstat(i)
          except OSError: continue
          found.append(i)
        raise ValueError(found)
        """, "[0, 1, 2, 3, 4]"
      ),
      (
        "import os\nraise ValueError(sorted(os.environ)[:3])",
        "['HOME', 'LANG', 'MALLOC_ARENA_MAX']"
      ),
      // What it may call.
      ("import os\nos.kill(1, 9)", "not permitted"), ("import os\nos.kill(-1, 9)", "not permitted"),
      ("import os\nos.fork()", "not permitted"),
      ("import socket\nsocket.socket()", "not permitted"),
      ("import os\nos.system('true')\n\(right)", "passed 2"),
      ("import resource as r\nr.setrlimit(r.RLIMIT_CPU, (9999, 9999))", "ValueError"),
      (
        "import ctypes\nl = ctypes.CDLL(None)\nraise ValueError(l.unshare(0x10000000), l.memfd_create(b'x', 0))",
        "(-1, -1)"
      ),
      ("open('/dev/shm/x', 'w')", "No such file"), ("open('/usr/lib/x', 'w')", "Read-only"),
      (
        "import asyncio\nasync def g(x): return 9000 + x\ndef f(x): return asyncio.run(g(x))",
        "passed 2"
      ),
      // What it leaves behind.
      ("import atexit\ndef s():\n  while True: pass\natexit.register(s)\n\(right)", "timed out"),
      (
        "import threading\ndef s():\n  while True: pass\nthreading.Thread(target=s, daemon=True).start()\n\(right)",
        "passed 2"
      ),
      // What it says.
      (
        "class S(int):\n  __eq__ = lambda s, o: True\ndef f(x): return S()",
        "expected 9001, found 0"
      ),
      (
        "class S:\n  __eq__ = lambda s, o: True\n  __repr__ = lambda s: 'me'\ndef f(x): return S()",
        "expected 9001, found me"
      ),
      (
        "import builtins, json\nbuiltins.type = lambda *a: int\njson.dumps = lambda *a: '{}'\ndef f(x): return 0",
        "test 1"
      ),
      (
        "import os\ndef f(x):\n  os.write(4, b'{\"n\": \"0\", \"o\": 9001}\\n')\n  return 0",
        "wrote over its results"
      ),
      (
        "import os\ndef f(x):\n  os.write(4, b'{\"ok\": true}\\n{\"done\": true}\\n')\n  os._exit(0)",
        "wrote over its results"
      ),
      ("def f(x): return float('nan')", "expected 9001, found nan"),
      ("def f(x): raise AssertionError", "AssertionError"),
      ("def f(x): raise SystemExit(0)", "SystemExit"),
      ("def f(x): return list(range(10 ** 6))", "larger than the limit"),
      ("def f(x):\n  r = []\n  for i in range(10 ** 5): r = [r]\n  return r", "RecursionError"),
      ("def f(x): raise ValueError('\\x1b[31m\\u202e\\x07' + 'x')", "test 1: ValueError: x"),
      // The request is all that its process holds of the tests: the argument, and no expected value.
      (
        """
        import gc, sys
        def f(x):
          frame, seen = sys._getframe(), []
          while frame:
            seen.append(repr(frame.f_locals))
            frame = frame.f_back
          seen += [o for o in gc.get_objects() if isinstance(o, str)]
          raise ValueError('assert f(' in ''.join(seen))
        """, "ValueError: False"
      ),
      // Limits.
      ("def f(x):\n  a = []\n  while True: a.append(bytearray(1 << 20))", "MemoryError"),
      (
        """
        def f(x):
          n = 0
          try:
            for i in range(100):
              with open(str(i), 'wb') as file:
                for j in range(100): n += file.write(b'0' * (1 << 20))
          except OSError: pass
          return n >> 20
        """, "found 16"
      ),
    ]

    @Test func noneGetsFurther() throws {
      let scratch = try Scratch()
      try scratch.importing(Self.cases.map { (fenced($0.program), Self.meta) })
      let verdicts = try scratch.judged("code:timeout=3,memory=256,disk=16=1")
      for (test, verdict) in zip(Self.cases, verdicts) {
        #expect(verdict.extracted.contains(test.says), "\(test.program)\n\(verdict)")
        #expect((verdict.value == 1) == (test.says == "passed 2"), "\(test.program)\n\(verdict)")
      }
      #expect(verdicts.count == Self.cases.count)
    }

    /// A builtin that tests hand over runs in the program's process, not in the tests'.
    @Test func handedFunctions() throws {
      let tests: JSON = [
        "tests":
          "assert f(eval) is True\nassert g(lambda x: x + '!', 'a') == 'a!'\nassert g(len, 'abc') == 4"
      ]
      let program = """
        def f(run): return run("'candidate' in __import__('sys').modules")
        def g(run, x): return run(x)
        """
      let scratch = try Scratch()
      try scratch.importing([(fenced(program), tests)])
      let verdict = try #require(scratch.judged("code").first)
      #expect(verdict.extracted == "test 3: expected 4, found 3", "\(verdict)")
    }

    /// Nothing lives on after an interruption, and what was scored stays.
    @Test func interruption() throws {
      let scratch = try Scratch()
      // The sandbox may enter the folder, whose name tells its processes from others.
      try FileManager.default.setAttributes(
        [.posixPermissions: 0o711], ofItemAtPath: scratch.folder)
      try scratch.importing(Array(repeating: (fenced("while True: pass"), Self.meta), count: 4))
      let running = try scratch.start(
        "rollbook-score",
        [
          "--buffer", scratch.buffer, "--step", "0", "--reward",
          "code:timeout=600,read=\(scratch.folder)", "--threads",
          "2",
        ])
      func sandboxes() -> Int {
        (try? FileManager.default.contentsOfDirectory(atPath: "/proc"))?.filter { name in
          Int32(name) != running.identifier && Int(name) != nil
            && (FileManager.default.contents(atPath: "/proc/\(name)/cmdline")).map {
              String(decoding: $0, as: UTF8.self).contains("--ro-bind\0\(scratch.folder)")
            } == true
        }.count ?? 0
      }
      running.poll { running.listens && sandboxes() >= 4 }
      running.send(SIGTERM)
      running.wait().expect(75, naming: "SIGTERM")
      #expect(sandboxes() == 0)
      #expect(scratch.names("shards/scores").isEmpty)
    }
  }
}
