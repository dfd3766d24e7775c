# ruff: noqa: E501, PLR0911 - a grammar reads better with a production a line
"""Random CEL expressions over the whole environment: mostly well-typed, some ill-typed or failing.

Every overload of the signature table is a production of its result type, so that no function is left
out.
"""

from random import Random

from app.core.cel.common import types
from app.core.cel.common.declarations import Overload, functions
from app.core.cel.common.types import Type
from cel_fuzz.leaves import Leaves
from cel_fuzz.messages import any_value, message
from cel_fuzz.words import ACCESSORS, PATTERNED, PATTERNS, READABLE, VERBS, ZONES

_SCALARS = (types.INT, types.UINT, types.DOUBLE, types.BOOL, types.STRING, types.BYTES, types.DURATION,
            types.TIMESTAMP, types.QUANTITY, types.SEMVER, types.IP, types.CIDR, types.URL, types.FORMAT,
            types.NULL_TYPE)  # fmt: skip
_COMMON = (types.INT, types.STRING, types.BOOL, types.STRING, types.INT, types.DOUBLE)
_INFIX = {"_+_": "+", "_-_": "-", "_*_": "*", "_/_": "/", "_%_": "%", "_<_": "<", "_<=_": "<=", "_>_": ">",
          "_>=_": ">=", "_==_": "==", "_!=_": "!=", "_&&_": "&&", "_||_": "||", "@in": "in"}  # fmt: skip
_PLAIN_KEYS = (".k", '["k"]', ".missing", '[dyn("k")]')
_OPTIONAL_KEYS = (".?k", '[?"k"]', ".?missing", ".?k.?x")
_ODD_KEYS = ("1", "1u", "1.0", "dyn(1)", "dyn(1u)", "dyn(1.0)", "true", "dyn(true)", "null", "dyn(null)", '"k"', 'dyn("k")',
             'b"k"', "[1]", "dyn([1])", "{}", 'duration("1s")', "timestamp(1)", 'quantity("1")', 'semver("1.0.0")', 'ip("::1")',
             'cidr("::/0")', 'url("/a")', "int", "type(1)", "optional.of(1)", "format.uri()", "device", "(0.0 / 0.0)",
             "-9223372036854775808", "-9223372036854775808.0", "9007199254740993", "9007199254740992.0")  # fmt: skip
_HIDDEN = frozenset({"@not_strictly_false", "@sortByAssociatedKeys", "cel.@mapInsert"})


class Grammar:
    """Generates expressions from a seeded source of randomness."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._leaves = Leaves(random)
        self._scope: list[tuple[str, Type]] = []
        self._names = 0
        # How often a part is of another type than the one wanted: most expressions hold one or none.
        self._wrong = random.choice((0.0, 0.01, 0.01, 0.03, 0.08))
        self._messages = self._random.choice((0.0, 0.0, 0.03, 0.2))
        self._by_result: dict[str, list[Overload]] = {}
        for name, group in functions().items():
            if name not in _HIDDEN:
                for overload in group:
                    self._by_result.setdefault(self._key(overload.result), []).append(overload)

    @staticmethod
    def _key(term: Type) -> str:
        return "any" if term.kind in (types.PARAM, types.DYN) else term.name

    def expression(self) -> tuple[str, str]:
        """A mode of the oracle (selector or derived), and an expression for it."""
        depth = self._random.choice((1, 2, 2, 3, 3, 4))
        if self._random.random() < 0.7:
            return "selector", self.term(types.BOOL, depth)
        wanted = self._random.choice((types.STRING, types.INT, types.BOOL, types.list_of(types.STRING), types.DYNAMIC,
                                      types.list_of(types.INT), types.SEMVER))  # fmt: skip
        return "derived", self.term(wanted, depth)

    def term(self, wanted: Type, depth: int) -> str:
        """An expression of this type, most of the time."""
        chance = self._random.random()
        if self._random.random() < self._wrong:
            wanted = self._random.choice((*_SCALARS, types.list_of(types.INT), types.map_of(types.STRING, types.INT),
                                          types.optional_of(types.INT), types.TYPE_TYPE))  # fmt: skip
            if self._random.random() < 0.6:
                return f"dyn({self.term(wanted, depth)})"  # what the checker cannot see
        elif chance < 0.07 and wanted.kind != types.DYN:
            return f"dyn({self.term(wanted, depth)})"
        elif chance < 0.1:
            return self._leaves.attribute()
        if wanted.kind in (types.PARAM, types.DYN, types.ANY):
            if depth > 0 and self._random.random() < self._messages:
                return any_value(self._random, depth - 1, self.term)
            wanted = self._some_type(1)
        bound = [name for name, term in self._scope if term == wanted or self._random.random() < 0.05]
        if bound and self._random.random() < 0.5:
            return self._random.choice(bound)
        if depth <= 0:
            return self._leaf(wanted)
        made = None
        if self._random.random() < self._messages:
            made = message(self._random, wanted, depth - 1, self.term)
        return made or self._production(wanted, depth - 1)

    def _some_type(self, depth: int) -> Type:
        chance = self._random.random()
        if depth and chance < 0.15:
            return types.list_of(self._some_type(depth - 1))
        if depth and chance < 0.2:
            return types.map_of(
                self._random.choice((types.STRING, types.INT, types.BOOL, types.UINT)), self._some_type(0)
            )
        if depth and chance < 0.25:
            return types.optional_of(self._some_type(depth - 1))
        return self._random.choice(_COMMON if chance < 0.7 else _SCALARS)

    def _leaf(self, wanted: Type) -> str:
        match wanted.name:
            case "list":
                return self._list(wanted.params[0], 0)
            case "map":
                return self._map(wanted.params[0], wanted.params[1], 0)
            case "optional_type":
                held = f"optional.of({self.term(wanted.params[0], 0)})"
                return self._random.choice(("optional.none()", held))
            case _:
                return self._leaves.of(wanted.name)

    # Productions

    def _list(self, item: Type, depth: int) -> str:
        count = self._random.choice((0, 1, 2, 2, 3, 3, 5))
        parts = [self.term(item, depth) for _ in range(count)]
        if parts and self._random.random() < 0.03:
            parts[-1] = f"?{self.term(types.optional_of(item), depth)}"
        return f"[{', '.join(parts)}]"

    def _map(self, key: Type, value: Type, depth: int) -> str:
        count = self._random.choice((0, 1, 2, 2, 3))
        entries: list[str] = []
        for _ in range(count):
            name = self._key_of(key, entries)
            if self._random.random() < 0.03:
                entries.append(f"?{name}: {self.term(types.optional_of(value), depth)}")
            else:
                entries.append(f"{name}: {self.term(value, depth)}")
        return "{" + ", ".join(entries) + "}"

    def _key_of(self, wanted: Type, before: list[str]) -> str:
        """A key: sometimes one that is there already, or of a type that keys seldom have."""
        chance = self._random.random()
        if before and chance < 0.08:
            return before[0].removeprefix("?").rpartition(": ")[0] if before[0].count(": ") == 1 else '"k"'
        if chance < 0.16:
            return self._random.choice(_ODD_KEYS)
        return self.term(wanted, 0)

    def _production(self, wanted: Type, depth: int) -> str:
        chance = self._random.random()
        if chance < 0.12:
            return self._leaf(wanted)
        if chance < 0.18:
            return (
                f"({self.term(types.BOOL, depth)} ? {self.term(wanted, depth)} : {self.term(wanted, depth)})"
            )
        if chance < 0.22:
            return self._bind(wanted, depth)
        if chance < 0.38:
            built = self._macro(wanted, depth)
            if built is not None:
                return built
        if chance < 0.43:
            return self._selection(wanted, depth)
        if wanted.kind == types.LIST and chance < 0.65:
            return self._list(wanted.params[0], depth)
        if wanted.kind == types.MAP and chance < 0.9:
            return self._map(wanted.params[0], wanted.params[1], depth)
        if wanted.name == "bool" and chance < 0.6:
            return self._logic(depth)
        candidates = self._by_result.get("any" if self._random.random() < 0.1 else wanted.name, [])
        if not candidates:
            return self._leaf(wanted)
        return self._call(self._random.choice(candidates), wanted, depth)

    def _logic(self, depth: int) -> str:
        op = self._random.choice((" && ", " || ", " == ", " != ", " < ", " in ", "!"))
        if op == "!":
            return f"!({self.term(types.BOOL, depth)})"
        if op in (" == ", " != ", " < "):
            term = self._some_type(1)
            return f"{self._operand(term, depth)}{op}{self._operand(term, depth)}"
        if op == " in ":
            term = self._some_type(0)
            return f"{self._operand(term, depth)} in {self._list(term, depth)}"
        count = self._random.choice((2, 2, 3))
        return "(" + op.join(self._operand(types.BOOL, depth) for _ in range(count)) + ")"

    def _operand(self, wanted: Type, depth: int) -> str:
        return f"({self.term(wanted, depth)})" if depth > 0 else self.term(wanted, depth)

    def _selection(self, wanted: Type, depth: int) -> str:
        style = self._random.random()
        if style < 0.3:
            return f"{self._list(wanted, depth)}[{self._random.choice(('0', '1', '2', '0u', '1.0', '-1', 'size([1])'))}]"
        if style < 0.6:
            return self._keyed(wanted, depth) + self._random.choice(_PLAIN_KEYS)
        optional = self._keyed(wanted, depth) + self._random.choice(_OPTIONAL_KEYS)
        return optional + self._random.choice((f".orValue({self.term(wanted, 0)})", ".value()", ""))

    def _keyed(self, wanted: Type, depth: int) -> str:
        return f'{{"k": {self.term(wanted, depth)}}}'

    def _fresh(self) -> str:
        self._names += 1
        return (
            f"v{self._names}" if self._random.random() < 0.95 else self._random.choice(("device", "int", "x"))
        )

    def _scoped(self, names: list[tuple[str, Type]], wanted: Type, depth: int) -> str:
        self._scope.extend(names)
        body = self.term(wanted, depth)
        del self._scope[len(self._scope) - len(names) :]
        return body

    def _bind(self, wanted: Type, depth: int) -> str:
        term = self._some_type(1)
        name, value = self._fresh(), self.term(term, depth)
        return f"cel.bind({name}, {value}, {self._scoped([(name, term)], wanted, depth)})"

    def _macro(self, wanted: Type, depth: int) -> str | None:
        item = self._some_type(0)
        over, first, second = self._range(item, depth)
        one, two = self._fresh(), self._fresh()
        names = [(one, first)]
        if wanted.name == "bool":
            macro = self._random.choice(("all", "exists", "exists_one", "existsOne"))
            if self._random.random() < 0.3:
                body = self._scoped(
                    [(one, types.INT if first == item else first), (two, second)], types.BOOL, depth
                )
                return f"{over}.{macro}({one}, {two}, {body})"
            return f"{over}.{macro}({one}, {self._scoped(names, types.BOOL, depth)})"
        if wanted.kind == types.LIST:
            return self._list_macro(wanted, depth, over=over, names=(one, first, two, second))
        if wanted.name == "optional_type":
            macro = self._random.choice(("optMap", "optFlatMap"))
            result = wanted.params[0] if macro == "optMap" else wanted
            return f"{self.term(types.optional_of(item), depth)}.{macro}({one}, {self._scoped([(one, item)], result, depth)})"
        if wanted.kind == types.MAP:
            scope = [(one, types.INT if first == item else first), (two, second)]
            if self._random.random() < 0.5:
                return f"{over}.transformMap({one}, {two}, {self._scoped(scope, wanted.params[1], depth)})"
            key, value = (self._scoped(scope, term, depth) for term in wanted.params)
            return f"{over}.transformMapEntry({one}, {two}, {{{key}: {value}}})"
        return None

    def _list_macro(self, wanted: Type, depth: int, *, over: str, names: tuple[str, Type, str, Type]) -> str:
        one, first, two, second = names
        macro = self._random.choice(("map", "map3", "filter", "transformList", "sortBy"))
        scope = [(one, first)]
        if macro == "map":
            return f"{over}.map({one}, {self._scoped(scope, wanted.params[0], depth)})"
        if macro == "map3":
            test = self._scoped(scope, types.BOOL, depth)
            return f"{over}.map({one}, {test}, {self._scoped(scope, wanted.params[0], depth)})"
        if macro == "transformList":
            body = self._scoped([(one, types.INT), (two, second)], wanted.params[0], depth)
            return f"{over}.transformList({one}, {two}, {body})"
        own = self._list(wanted.params[0], depth)
        body_type = (
            types.BOOL if macro == "filter" else self._random.choice((types.INT, types.STRING, types.DOUBLE))
        )
        return f"{own}.{macro}({one}, {self._scoped([(one, wanted.params[0])], body_type, depth)})"

    def _range(self, item: Type, depth: int) -> tuple[str, Type, Type]:
        """Something to iterate over, and the types of its variables."""
        chance = self._random.random()
        if chance < 0.15:
            return f"{self._map(types.STRING, item, depth)}", types.STRING, item
        if chance < 0.25:
            return 'device.attributes["gpu.example.com"]', types.STRING, types.DYNAMIC
        if chance < 0.35:
            name = self._random.choice(("models", "sizes", "flags", "versions", "model"))
            return self._leaves.member("attributes", name), types.DYNAMIC, types.DYNAMIC
        if chance < 0.42:
            return f"lists.range({self._random.choice(('0', '3', '10', '100'))})", types.INT, types.INT
        return self._list(item, depth), item, item

    def _call(self, overload: Overload, wanted: Type, depth: int) -> str:
        chosen: dict[str, Type] = {}
        if overload.result.kind == types.PARAM:
            chosen[overload.result.name] = wanted
        elif overload.result.params and overload.result.kind == wanted.kind:
            for part, given in zip(overload.result.params, wanted.params, strict=False):
                if part.kind == types.PARAM:
                    chosen[part.name] = given
        for name in overload.variables:
            chosen.setdefault(name, self._some_type(1))
        args = [self._operand(types.substitute(chosen, arg), depth - 1) for arg in overload.args]
        if overload.function == "format" and self._random.random() < 0.7:
            return self._formatted(depth)
        if overload.function in ACCESSORS and len(args) == 2 and self._random.random() < 0.8:
            args[1] = f'"{self._random.choice(ZONES)}"'
        if overload.function in PATTERNED and len(args) > 1 and self._random.random() < 0.8:
            args[1] = f'"{self._random.choice(PATTERNS)}"'
        readable = READABLE.get(overload.function)
        if readable and overload.args[0] == types.STRING and self._random.random() < 0.7:
            args[0] = f'"{self._random.choice(readable)}"'
        return self._written(overload, self._spoilt(args, depth))

    def _spoilt(self, args: list[str], depth: int) -> list[str]:
        """The arguments, sometimes one too few or too many, or one of any type."""
        chance = self._random.random()
        if chance < 0.01 and args:
            args.pop()
        elif chance < 0.015:
            args.append(self.term(self._some_type(1), 0))
        if args and self._random.random() < 2 * self._wrong:
            # Any function on any receiver.
            at = self._random.randrange(len(args))
            other = self.term(self._some_type(2), depth - 1)
            args[at] = self._random.choice(("({})", "dyn({})", "dyn({})", "[{}][0]")).format(other)
        return args

    def _formatted(self, depth: int) -> str:
        """format() with verbs, most of them for what they are given."""
        verbs = [self._random.choice(tuple(VERBS)) for _ in range(self._random.choice((1, 1, 2, 3)))]
        args = [
            self.term(self._some_type(1) if self._random.random() < 0.1 else self._verb_type(verb), depth - 1)
            for verb in verbs
        ]
        if self._random.random() < 0.03:
            args.append("1")
        text = self._random.choice(("", " ", "%%", "\u00e9")).join(verbs)
        return f'"{text}".format([{", ".join(f"dyn({arg})" for arg in args)}])'

    def _verb_type(self, verb: str) -> Type:
        named = self._random.choice(VERBS[verb])
        return self._some_type(1) if named == "any" else next(term for term in _SCALARS if term.name == named)

    def _written(self, overload: Overload, args: list[str]) -> str:
        name = overload.function
        if name in _INFIX and len(args) == 2:
            return f"{args[0]} {_INFIX[name]} {args[1]}"
        if name in ("!_", "-_") and args:
            return f"{name[0]}({args[0]})"
        if name == "_?_:_" and len(args) == 3:
            return f"({args[0]} ? {args[1]} : {args[2]})"
        if name in ("_[_]", "_[?_]") and len(args) == 2:
            return f"{args[0]}[{'?' if name == '_[?_]' else ''}{args[1]}]"
        if name.startswith("_") or name[0] in "!-@":
            return f"{args[0] if args else 'device'}.?field"
        if overload.member and args:
            target = (
                args[0]
                if args[0][-1] in ")]}\"'" or args[0].replace(".", "").isidentifier()
                else f"({args[0]})"
            )
            return f"{target}.{name}({', '.join(args[1:])})"
        return f"{name}({', '.join(args)})"


_SNIPPETS = ("(", ")", "[", "]", "{", "}", ".", ",", "?", ":", "!", "-", "&&", "||", "==", "in", "'", '"', "\\", " ", "\n", "//",
             "0x", "1u", "1e5", "@", "`a`", ".?", "[?", "true", "null", "for", "\u00e9", "\x00", "r'", "b'", "#", "=", "&", "has(",
             "...", "1.", ".5", "u", "google.protobuf.Duration{}", "{}", "[,]", "??", "\t")  # fmt: skip


def mutated(random: Random, text: str) -> str:
    """The text with a few random edits: most do not parse."""
    for _ in range(random.choice((1, 1, 2, 3))):
        at = random.randrange(len(text) + 1)
        end = min(len(text), at + random.choice((0, 0, 1, 1, 2, 5)))
        text = text[:at] + random.choice(("", random.choice(_SNIPPETS), text[end : end + 3])) + text[end:]
    return text
