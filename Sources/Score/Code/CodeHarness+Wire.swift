/// The Python that runs inside of the sandboxes; docs/sandbox.md tells who trusts whom.
///
/// Two interpreters in two sandboxes: the *driver* runs the tests and never the response's code, the *candidate* runs
/// the response's code and never sees a test. They talk over two pipes in lines of JSON that hold plain data only, so
/// that nothing that the response patches, overrides or returns has a say in a comparison.
enum CodeHarness {
  /// Counts up with every change of any verdict.
  static let version = 1
  /// Descriptors of the pipes in the driver and in the candidate.
  static let input: Int32 = 3
  static let output: Int32 = 4

  static var driver: String { wire + driverRemote + driverTests }
  static var candidate: String { wire + candidatePart }

  /// Both sides: lines over pipes, and plain values as JSON. What is no plain data goes as a number that stands for it.
  ///
  /// Exact types are made of subclasses (a subclass of `int` that equals everything arrives as an `int`). Integers
  /// beyond JSON's are hexadecimal, which takes linear time. Decoding raises whatever it meets on hostile text.
  private static let wire = #"""
    import collections, decimal, fractions, json, os, sys

    class Lines:
        """Lines of JSON over two descriptors; no line is longer than the limit."""
        def __init__(self, source, sink, limit):
            self.source, self.sink, self.limit, self.held = source, sink, limit, [b""]
            self._read, self._write, self._loads, self._dumps = os.read, os.write, json.loads, json.dumps

        def get(self):
            while b"\n" not in self.held[-1]:
                if sum(map(len, self.held)) > self.limit:
                    raise ValueError("more output than the limit")
                more = self._read(self.source, 1 << 20)
                if not more:
                    raise EOFError("the program ended")
                self.held.append(more)
            line, _, rest = b"".join(self.held).partition(b"\n")
            self.held = [rest]
            return self._loads(line.decode("ascii"))

        def put(self, value):
            text = self._dumps(value).encode("ascii") + b"\n"
            if len(text) > self.limit:
                raise OverflowError("a value larger than the limit")
            view = memoryview(text)
            while view:
                view = view[self._write(self.sink, view):]

    class Codec:
        """Values to JSON and back. `handle` and `revive` are for what is no plain data."""
        def __init__(self, handle, revive):
            self.handle, self.revive = handle, revive

        def encode(self, x):
            if x is None or x is True or x is False:
                return x
            each = self.encode
            if isinstance(x, str):
                text = str.__str__(x)
                # Lone surrogates pass, escaped by JSON.
                return text if type(text) is str else str.__add__(text, "")
            if isinstance(x, int):
                exact = int.__index__(x) if type(x) is int else int.__add__(x, 0)
                return exact if -(1 << 53) < exact < 1 << 53 else {"i": hex(exact)}
            if isinstance(x, float):
                return float.__float__(x)
            kind = type(x)
            if isinstance(x, list):
                return {"l": [each(y) for y in list.__iter__(x)]}
            if isinstance(x, tuple):
                return {"t": [each(y) for y in tuple.__iter__(x)]}
            if isinstance(x, dict):
                return {"d": [[each(k), each(v)] for k, v in dict.items(x)]}
            if isinstance(x, (set, frozenset)):
                base = set if isinstance(x, set) else frozenset
                return {"s" if base is set else "f": [each(y) for y in base.__iter__(x)]}
            if isinstance(x, (bytes, bytearray)):
                return {"a" if isinstance(x, bytearray) else "b": bytes(x).hex()}
            if kind is complex:
                return {"c": [x.real, x.imag]}
            if kind is range:
                return {"r": [each(x.start), each(x.stop), each(x.step)]}
            if kind is collections.deque:
                return {"q": [each(y) for y in x], "m": x.maxlen}
            if kind is decimal.Decimal:
                return {"x": str(x)}
            if kind is fractions.Fraction:
                return {"y": [each(x.numerator), each(x.denominator)]}
            if kind.__module__ == "numpy" and kind.__name__ != "ndarray" and hasattr(kind, "item"):
                return each(x.item())
            return self.handle(x)

        def decode(self, x):
            if x is None or isinstance(x, (bool, int, float, str)):
                return x
            each = self.decode
            if type(x) is not dict:
                raise ValueError("no value")
            for tag, body in x.items():
                if tag == "i":
                    return int(body, 16)
                if tag in ("l", "t", "s", "f"):
                    items = [each(y) for y in body]
                    return items if tag == "l" else {"t": tuple, "s": set, "f": frozenset}[tag](items)
                if tag == "d":
                    return {each(k): each(v) for k, v in body}
                if tag in ("a", "b"):
                    return (bytearray if tag == "a" else bytes).fromhex(body)
                if tag == "c":
                    return complex(*body)
                if tag == "r":
                    return range(*[each(y) for y in body])
                if tag == "q":
                    return collections.deque([each(y) for y in body], x.get("m"))
                if tag == "x":
                    return decimal.Decimal(body)
                if tag == "y":
                    return fractions.Fraction(*[each(y) for y in body])
                return self.revive(tag, x)
            raise ValueError("no value")

    """#
}
