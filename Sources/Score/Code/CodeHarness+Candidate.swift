extension CodeHarness {
  /// The side that runs the response. Nothing here is trusted by anybody: the response can change all of it, and gains
  /// the power to send other plain values, which it has anyway.
  static let candidatePart = #"""
    def candidate():
        import builtins, operator, types
        limit = int(sys.argv[1])
        lines = Lines(3, 4, limit)
        objects, numbers = [], {}

        def handle(x):
            number = numbers.get(id(x))
            if number is None:
                number = numbers[id(x)] = len(objects)
                objects.append(x)
            return {"h": number, "n": str(getattr(type(x), "__name__", "object"))[:80], "z": callable(x)}

        def revive(tag, x):
            if tag == "h":
                return objects[x["h"]]
            if tag == "e":
                return iter([codec.decode(y) for y in x["e"]])
            if tag == "g":
                return getattr(builtins, x["g"])
            if tag == "k":
                def callback(*args, **named):
                    lines.put({"k": x["k"], "a": codec.encode(args), "w": codec.encode(named)})
                    return served()
                return callback
            raise ValueError(tag)

        codec = Codec(handle, revive)

        def failure(error):
            names = [c.__name__ for c in type(error).__mro__ if issubclass(c, BaseException)]
            try:
                values = codec.encode(tuple(error.args))
            except Exception:
                values = codec.encode(())
            try:
                text = str(error)[:200]
            except Exception:
                text = ""
            if isinstance(error, SyntaxError) and error.lineno:
                text = "line %s: %s" % (error.lineno, str(error.msg)[:160])
            return {"e": names, "v": values, "m": text}

        def load(request):
            module = types.ModuleType("candidate")
            sys.modules["candidate"] = module
            exec(compile(request["load"], "<response>", "exec", dont_inherit=True), module.__dict__)
            found = {}
            for name in request["names"]:
                value = module.__dict__.get(name, objects)
                if value is objects:
                    continue
                if isinstance(value, types.ModuleType):
                    found[name] = {"u": value.__name__}
                elif isinstance(value, type) and issubclass(value, BaseException):
                    found[name] = {"p": [c.__name__ for c in value.__mro__ if issubclass(c, BaseException)]}
                else:
                    found[name] = {"o": codec.encode(value)}
            return found

        table = {
            "call": lambda x, args, named: x(*args, **named),
            "get": lambda x, args, named: getattr(x, args[0]),
            "set": lambda x, args, named: setattr(x, args[0], args[1]),
            "item": lambda x, args, named: x[args[0]],
            "put": lambda x, args, named: operator.setitem(x, args[0], args[1]),
            "del": lambda x, args, named: operator.delitem(x, args[0]),
            "len": lambda x, args, named: len(x),
            "iter": lambda x, args, named: iter(x),
            "next": lambda x, args, named: next(x),
            "str": lambda x, args, named: str(x),
            "repr": lambda x, args, named: repr(x),
            "bool": lambda x, args, named: bool(x),
            "int": lambda x, args, named: int(x),
            "float": lambda x, args, named: float(x),
            "is": lambda x, args, named: isinstance(args[0], x),
            "enter": lambda x, args, named: x.__enter__(),
            "exit": lambda x, args, named: x.__exit__(None, None, None),
        }

        def serve(request):
            reply = {"n": request["n"]}
            try:
                if "load" in request:
                    reply["o"] = load(request)
                else:
                    args, named = codec.decode(request["a"]), codec.decode(request["w"])
                    result = table[request["op"]](objects[request["h"]], args, named)
                    reply["o"] = codec.encode(result)
                    # What works in place returns nothing; only then is there a way back for arguments.
                    if result is None and request["op"] == "call":
                        back = codec.encode(args)
                        if back != request["a"]:
                            reply["b"] = back
            except BaseException as error:
                reply = {"n": request["n"], "x": failure(error)}
            try:
                lines.put(reply)
            except OverflowError as error:
                lines.put({"n": request["n"], "x": failure(error)})

        def served():
            while True:
                request = lines.get()
                if "r" in request:
                    return codec.decode(request["r"])
                if "x" in request:
                    raise RuntimeError(request["x"])
                serve(request)

        lines.put("ready")
        try:
            served()
        except EOFError:
            pass

    candidate()
    """#
}
