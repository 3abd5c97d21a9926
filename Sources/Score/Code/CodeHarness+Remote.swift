extension CodeHarness {
  /// The driver's view of the other process: objects that stand for the response's, and exceptions that cross.
  ///
  /// An object that is no plain data equals itself alone and takes part in no arithmetic or ordering: those would hand
  /// the expected value to the response, which could then say what it likes.
  static let driverRemote = #"""
    import builtins, secrets

    class ProgramError(Exception):
        """An exception of the response's program that is no exception of Python's own."""

    class ProgramEnded(Exception):
        """The response's process is gone, or says what makes no sense."""

    class Remote:
        __slots__ = ("_link", "_number", "_kind", "__weakref__")

        def __init__(self, link, number, kind):
            object.__setattr__(self, "_link", link)
            object.__setattr__(self, "_number", number)
            object.__setattr__(self, "_kind", kind)

        def __call__(self, *args, **named):
            return self._link.ask(self, "call", args, named)

        def __getattr__(self, name):
            if name.startswith("__") and name not in ("__name__", "__doc__"):
                raise AttributeError(name)
            return self._link.ask(self, "get", (name,))

        def __setattr__(self, name, value):
            self._link.ask(self, "set", (name, value))

        def __enter__(self):
            return self._link.ask(self, "enter")

        def __exit__(self, *_):
            self._link.ask(self, "exit")

        def __instancecheck__(self, other):
            return isinstance(other, Remote) and self._link.ask(self, "is", (other,)) is True

        def __getitem__(self, key):
            return self._link.ask(self, "item", (key,))

        def __setitem__(self, key, value):
            self._link.ask(self, "put", (key, value))

        def __delitem__(self, key):
            self._link.ask(self, "del", (key,))

    def ask_plain(operation, kind):
        def method(self):
            result = self._link.ask(self, operation)
            if type(result) is not kind:
                raise TypeError("expected %s of an object of class %s" % (kind.__name__, self._kind))
            return result
        return method

    for _name, _kind in (("len", int), ("str", str), ("repr", str), ("bool", bool), ("int", int), ("float", float)):
        setattr(Remote, "__%s__" % _name, ask_plain(_name, _kind))
    Remote.__iter__ = lambda self: self._link.ask(self, "iter")
    Remote.__next__ = lambda self: self._link.ask(self, "next")

    class Link:
        """The other process. After its first senseless line it counts as ended."""
        def __init__(self, limit):
            self.lines, self.dead, self.heard = Lines(3, 4, limit), None, 0
            self.remotes, self.callbacks, self.errors = {}, [], {}
            self.codec = Codec(self.handle, self.revive)

        def handle(self, x):
            if isinstance(x, Remote):
                return {"h": x._number}
            # `eval` and the like must not become a way into this process.
            if getattr(builtins, getattr(x, "__name__", ""), None) is x:
                return {"g": x.__name__}
            if callable(x):
                self.callbacks.append(x)
                return {"k": len(self.callbacks) - 1}
            if hasattr(type(x), "__next__"):
                return {"e": [self.codec.encode(y) for y in x]}
            raise TypeError("tests cannot hand an object of class %s to the program" % type(x).__name__)

        def revive(self, tag, x):
            number = x["h"]
            if type(number) is not int or number < 0:
                raise ValueError(tag)
            if number not in self.remotes:
                self.remotes[number] = Remote(self, number, str(x.get("n", ""))[:80])
            return self.remotes[number]

        def end(self, why):
            self.dead = self.dead or why
            raise ProgramEnded(self.dead)

        def get(self):
            try:
                return self.lines.get()
            except EOFError:
                self.end("the program ended before its tests did")
            except ValueError as error:
                self.end("output limit" if "limit" in str(error) else "the program wrote over its results")
            except (OSError, RecursionError):
                self.end("the program wrote over its results")

        def send(self, message):
            try:
                self.lines.put(message)
            except OSError:
                self.end("the program ended before its tests did")

        def request(self, message):
            if self.dead:
                raise ProgramEnded(self.dead)
            message["n"] = nonce = secrets.token_hex(16)
            self.send(message)
            while True:
                reply = self.get()
                if type(reply) is dict and "k" in reply:
                    self.call_back(reply)
                elif type(reply) is dict and reply.get("n") == nonce:
                    return reply
                else:
                    self.end("the program wrote over its results")

        def call_back(self, reply):
            try:
                function = self.callbacks[reply["k"]]
                answer = function(*self.codec.decode(reply["a"]), **self.codec.decode(reply["w"]))
                self.send({"r": self.codec.encode(answer)})
            except ProgramEnded:
                raise
            except Exception as error:
                self.send({"x": type(error).__name__})

        def ask(self, remote, operation, args=(), named={}):
            sent = self.codec.encode(tuple(args))
            reply = self.request(
                {"op": operation, "h": remote._number, "a": sent, "w": self.codec.encode(dict(named))})
            try:
                if "x" in reply:
                    error = self.error(reply["x"])
                else:
                    error, result = None, self.codec.decode(reply["o"])
                    if result is None and operation == "call" and "b" in reply:
                        self.write_back(args, self.codec.decode(reply["b"]))
            except Exception:
                self.end("the program wrote over its results")
            if error is not None:
                raise error
            return result

        def write_back(self, args, changed):
            for old, new in zip(args, changed):
                if type(old) is not type(new):
                    continue
                if type(old) in (list, bytearray):
                    old[:] = new
                elif type(old) is dict or type(old) is set:
                    old.clear()
                    old.update(new)
                elif type(old) is collections.deque:
                    old.clear()
                    old.extend(new)

        def error_class(self, names):
            name = str(names[0])[:80]
            if name in self.errors:
                return self.errors[name]
            known = getattr(builtins, name, None)
            if isinstance(known, type) and issubclass(known, BaseException):
                return known if issubclass(known, Exception) else ProgramError
            return ProgramError if len(names) < 2 else self.error_class(names[1:])

        def error(self, x):
            names = [str(name)[:80] for name in x["e"]][:16]
            kind = self.error_class(names)
            try:
                error = kind(*self.codec.decode(x["v"]))
            except Exception:
                error = ProgramError()
            error.told = (names[0] + ": " + str(x["m"])[:200]) if x["m"] else names[0]
            return error

        def name(self, name, told):
            """What a name of the response's program is to the tests; a module is the real one."""
            # Nothing else may go by the name of a module: its functions would be told what is expected.
            if name in sys.stdlib_module_names or name in ("np", "numpy"):
                module = "numpy" if name == "np" else name
                if told.get("u") != module:
                    raise KeyError(name)
                return __import__(module)
            if "p" in told:
                bases = [str(other)[:80] for other in told["p"]][1:17]
                self.errors[name] = type(name, (self.error_class(bases or ["Exception"]),), {})
                return self.errors[name]
            return self.codec.decode(told["o"])

    """#
}
