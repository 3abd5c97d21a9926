extension CodeHarness {
  /// The driver's main part: cuts test code into single tests, runs each, and reports in lines of JSON on its first
  /// standard output, which the tests no longer have.
  ///
  /// A test is a statement of the top level that holds an `assert` or calls a function whose name says check or test;
  /// then `check(entry)` where that is defined and not called, `test_…` functions that are not called, and methods of
  /// `unittest.TestCase`s. Everything else prepares them.
  static let driverTests = #"""
    import ast

    class Broken(Exception):
        """The tests themselves cannot be run."""

    def main():
        job = json.loads(sys.stdin.buffer.read().decode("utf-8", "surrogatepass"))
        report = Lines(None, os.dup(1), 1 << 20)
        null = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(null, number)
        link = Link(job["limit"])
        try:
            if link.get() != "ready":
                return report.put({"harness": "the candidate's interpreter did not start"})
        except ProgramEnded as error:
            return report.put({"harness": str(error)})
        report.put({"ready": True})
        try:
            tests = Tests(job, link)
            report.put({"tests": tests.count})
            tests.run(lambda why: report.put({"why": why} if why else {"ok": True}))
        except Broken as error:
            return report.put({"broken": str(error)[:200]})
        except ProgramEnded as error:
            return report.put({"why": str(error)})
        report.put({"done": True})

    def short(value):
        text = repr(value)
        return text if len(text) <= 60 else text[:57] + "..."

    def told(error):
        if isinstance(error, ProgramEnded):
            return str(error)
        if hasattr(error, "told"):
            return error.told
        text = str(error)[:160]
        return type(error).__name__ + (": " + text if text else "")

    def holds_test(node):
        for part in ast.walk(node):
            if isinstance(part, ast.Assert):
                return True
            if isinstance(part, ast.Call):
                name = getattr(part.func, "id", "")
                if name.startswith(("check", "test", "assert")):
                    return True
        return False

    FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)

    def is_main_guard(node):
        return isinstance(node, ast.If) and any(
            isinstance(part, ast.Name) and part.id == "__name__" for part in ast.walk(node.test))

    class Tests:
        def __init__(self, job, link):
            self.link, self.entry, self.code = link, job.get("entry"), job["code"]
            self.cases = job.get("cases")
            self.space = {"__name__": "tests", "__builtins__": builtins}
            self.steps = []
            for source in [job.get("setup") or ""] + job.get("tests", []):
                try:
                    self.steps += ast.parse(source, "<tests>").body
                except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
                    raise Broken("the tests cannot be read: %s" % told(error))
            self.steps = [step for step in self.steps if not is_main_guard(step)]
            self.called = {
                part.func.id for step in self.steps if not isinstance(step, FUNCTIONS) for part in ast.walk(step)
                if isinstance(part, ast.Call) and isinstance(part.func, ast.Name)}
            self.is_test = [
                holds_test(step) and not isinstance(step, FUNCTIONS + (ast.Import, ast.ImportFrom))
                for step in self.steps]
            self.late = []
            for step in self.steps:
                if isinstance(step, ast.FunctionDef) and step.name not in self.called:
                    needed = len(step.args.args) - len(step.args.defaults)
                    if step.name == "check" and needed == 1 and self.entry:
                        self.late.append((step.name, None))
                    elif step.name.startswith("test") and needed == 0:
                        self.late.append((step.name, None))
                if isinstance(step, ast.ClassDef) and any("TestCase" in ast.unparse(base) for base in step.bases):
                    for item in step.body:
                        if isinstance(item, ast.FunctionDef) and item.name.startswith("test"):
                            self.late.append((step.name, item.name))
            self.count = len(self.cases) if self.cases is not None else sum(self.is_test) + len(self.late)

        def run(self, report):
            if self.count == 0:
                return
            try:
                self.load()
            except ProgramEnded:
                raise
            except Exception as error:
                return report(told(error))
            if self.cases is not None:
                for case in self.cases:
                    report(self.judged(lambda: self.compare(case)))
                return
            for step, is_test in zip(self.steps, self.is_test):
                why = self.judged(lambda: self.execute(step, is_test), step)
                if is_test:
                    report(why)
                elif why:
                    return report(why)
            for name, method in self.late:
                report(self.judged(lambda: self.late_test(name, method)))

        def load(self):
            names = {part.id for step in self.steps for part in ast.walk(step) if isinstance(part, ast.Name)}
            names = {name for name in names if not hasattr(builtins, name) and not name.startswith("__")}
            if self.entry:
                names.add(self.entry)
                if self.cases is not None:
                    names.add("Solution")
            reply = self.link.request({"load": self.code, "names": sorted(names)})
            if "x" in reply:
                try:
                    error = self.link.error(reply["x"])
                except Exception:
                    self.link.end("the program wrote over its results")
                raise error
            for name in sorted(names):
                try:
                    if name in reply["o"]:
                        self.space[name] = self.link.name(name, reply["o"][name])
                except Exception:
                    pass
            if self.entry and self.entry not in self.space:
                if self.cases is not None and isinstance(self.space.get("Solution"), Remote):
                    self.space[self.entry] = getattr(self.space["Solution"](), self.entry)
                else:
                    raise NameError("the program has no '%s'" % self.entry)

        def judged(self, body, step=None):
            """None where the test holds, else why not."""
            try:
                return body()
            except (ImportError, SyntaxError) as error:
                if isinstance(step, (ast.Import, ast.ImportFrom)):
                    raise Broken("the tests cannot be run: %s" % told(error))
                return told(error)
            except AssertionError as error:
                if hasattr(error, "told"):
                    return error.told
                text = ast.unparse(step) if isinstance(step, ast.Assert) else str(error)
                return "failed: " + (text[:80] if text else "assertion")
            except BaseException as error:
                return told(error)

        def value(self, node):
            return eval(compile(ast.Expression(node), "<tests>", "eval"), self.space)

        def execute(self, step, is_test):
            test = step.test if isinstance(step, ast.Assert) else None
            if isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq):
                left, right = self.value(test.left), self.value(test.comparators[0])
                if left == right:
                    return None
                return "expected %s, found %s" % (short(right), short(left))
            exec(compile(ast.Module([step], []), "<tests>", "exec"), self.space)
            return None

        def compare(self, case):
            given = case["input"] if type(case["input"]) is list else [case["input"]]
            found = self.space[self.entry](*given)
            if same(found, case["output"]):
                return None
            return "expected %s, found %s" % (short(case["output"]), short(found))

        def late_test(self, name, method):
            if method is None:
                self.space[name](*([self.space[self.entry]] if name == "check" else []))
                return None
            import unittest
            result = unittest.TestResult()
            self.space[name](method).run(result)
            if result.wasSuccessful() and result.testsRun == 1 and not result.skipped:
                return None
            failures = result.errors + result.failures
            return failures[0][1].strip().rpartition("\n")[2][:160] if failures else "skipped"

    def same(found, expected):
        """JSON has no tuples: they count as lists."""
        if type(found) is tuple:
            found = list(found)
        if type(found) is list and type(expected) is list:
            return len(found) == len(expected) and all(map(same, found, expected))
        if type(found) is dict and type(expected) is dict:
            return {str(key): value for key, value in found.items()}.keys() == expected.keys() and all(
                same(value, expected[str(key)]) for key, value in found.items())
        if isinstance(found, bool) != isinstance(expected, bool):
            return False
        return found == expected

    main()
    """#
}
