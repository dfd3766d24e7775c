# ruff: noqa: E501 - tables of expressions
"""Comprehensions as Python loops: the values, failures and costs of the interpreter, to the unit."""

from random import Random
from typing import Any

import pytest
from cel_fuzz.__main__ import shape_of
from cel_fuzz.grammar import Grammar
from cel_fuzz.words import DEVICE

from app.core.cel.common.errors import EvalAbortError, EvalError
from app.core.cel.interpreter.interpreter import Interpreter
from app.core.selectors import CelCompileError, CelFeatures
from app.core.selectors.device_view import view_of
from app.core.selectors.environment import compile_expression

BODIES = (
    "x > 2", "x + 1 > y", "1 / x > 0", "1 / (x - 2) > 0 || x == 2", "x > 1 ? true : y > 1", "dyn(x)", "dyn(true)",
    "string(x) == 'a'", "string(x) != device.driver", "x * 9223372036854775807 > 0", "[x, y].exists(z, z == x)",
    "cel.bind(b, x + y, b > 2)", "l[x] == x", "[optional.of([1])][0][x] == optional.of(1)", "x in l", "!(x in l)",
    "1 / 0 > x", "x > 1 && 1 / 0 > x", "has(device.attributes['gpu.example.com'].model)", "m[x] > 1", "l[x + 1] > 0",
    "l.map(z, z + x).size() == y", "l.filter(z, 1 / (z - x) > 0).size() > 1", "double(x) > 1.5", "s.matches('a')",
    "(x > 1 ? l : [x])[0] == 1", "(x > 1 ? x : y) > 0", "-x < y", "!(1 / x > 0)", "x == 1 || y == 1 || 1 / 0 == 1",
    "device.attributes['gpu.example.com'].missing == x || x < 9", "dyn([1, 'a'])[x] == 1", "o.value() == x",
    "l.exists_one(z, z == x)", "l.exists_one(z, 1 / (z - x) > 0)", "l.transformList(i, z, i < x, z)[0] == 1",
    "{'a': x}.a == x", "type(x) == int", "size(s) > x", "s + 'b' == 'ab'", "l.all(z, l.all(w, z + w >= x))",
    "l == [0, 1, 2, 3]", "l.sum() > 5 || 1 / (y - 2) > x", "{l.slice(0, 2): x}.size() == 1", "cidr('10.0.0.0/8').containsIP('10.1.2.3')",
    "cel.bind(e, [], (e + [x]).size() > 0 && e.size() > x)", "cel.bind(b, 6 / x, b > 2)", "cel.bind(b, 1 / x, x == 0 || b > 0)",
    "cel.bind(b, 1 / x, y == x || b > 0)", "cel.bind(b, 1 / x, b > 0 || b < 0 || true)", "cel.bind(b, string(x), b + b != 'aa')",
    "cel.bind(b, l, b[x] == x && b.exists(z, z > x))", "cel.bind(b, dyn(x), cel.bind(d, b + 1, d > b))", "cel.bind(x, x + 1, x > 2)",
    "cel.bind(b, [], b == [] && b.size() == 0)", "cel.bind(b, {}, !(x in b))", "cel.bind(b, m, b[x] > 0)", "cel.bind(b, 1 / x, has(device.attributes['d'].a) || b > 0)",
    "cel.bind(b, x, device.attributes[string(b)].size() == 0)", "optional.of(x).optMap(z, z + 1).orValue(1) > 2", "o.optMap(z, 1 / (z - x)).hasValue()",
    "optional.none().optMap(z, z + 1).orValue(x) > 2", "optional.of(x).optFlatMap(z, optional.of(z + y)).value() > 3", "optional.of(1 / x).or(o).hasValue()",
    "(x > 1 ? o : optional.none()).or(optional.of(x)).value() == x", "(x > 1 ? o : optional.none()).value() == x", "dyn(x).orValue(1) == 1",
    "x / y > 0", "x % y == 1 || -x / 2 == 0 || 7 % -x == 1", "(x - 2) / (x - 1) == 0", "x / 0 == 1 || x % 0 == 1 || x > 1", "dyn(x) + dyn(y) > 3",
    "dyn(x) < y && dyn(y) >= x", "dyn(string(x)) == s", "dyn(s) == x", "s + string(x) == 'a2'", "string(x) == string(y)", "string(1 / x) != 'a'",
    "dyn(x) == dyn(y)", "dyn(x) != dyn(2.0)", "l[y] == x", "m[x] == y", "[[x], [y]][1] == [x]", "[x, 1 / x].size() == 2", "[x] in [[0], [2]]", "{x: y, y: x}.size() == 2",
    "{string(x): 1 / x}.size() == 1", "{dyn(x): y} == {2: 2}", "{b'a': x}.size() == 1", "sets.contains(l, [x, y])", "l.indexOf(x) == x", "'abc'.indexOf(string(x)) < 0",
    "[1, 1.0, 2u, true].exists(z, z == x)", "[x, dyn(double(x)), y].distinct().size() == 1", "l.transformMap(i, z, z + x)[y] > 2", "m.transformMap(k, z, 1 / (z - x)).size() == 2",
    "l.transformMapEntry(i, z, {z: x}).size() == 4", "l.transformMap(i, z, z > 1, 1 / (z - x)).size() == 2", "l.transformMapEntry(i, z, {z / 2: x}).size() == 4",
    "{1: 2, dyn(1u): 3}.transformMap(k, z, z).size() == x", "l.sortBy(z, -z)[0] == x", "x in dyn(x > 1 ? dyn(l) : dyn(m))", "timestamp(x) == timestamp(y)", "duration(string(x) + 's') > duration('1s')",
    "string(x).matches('[2-9]')", "dyn(x).matches('a') || x > 1", "dyn(optional.of('a')).matches('a')", "string(1 / x).matches('^1$')", "(s + string(x)).find('[0-9]+') == '2'",
    "string(x).matches(string('2'))", "string(x).matches(s)", "s.matches(string(x))", "string(x * 11).findAll('1').size() > 1", "string(x * 111).findAll('1', x).size() > 1", "string(x).findAll('1', 1 / x).size() > 0",
    "'abcdef'.substring(x, x + 2) == 'cd'", "'abcdef'.substring(x, 1 / x) == ''", "'abcdef'.substring(1 / x, x) == ''", "dyn('abcdef').substring(x, dyn('a')) == ''", "'abc'.replace(string(x), s, x) == 'abc'",
    "s.replace('a', string(1 / x)) == '1'", "s.replace(string(1 / x), 'a') == '1'", "'a,b,c'.split(',', x).size() > 1", "[3, 1, 2, 0].slice(x, 3).size() > 1", "[3, 1, 2, 0].slice(1 / x, x).size() > 1", "l.slice(0, x)[0] == 0",
    "'%d-%s'.format([x, s]) == '2-a'", "[string(x), s].join('-') == '2-a'", "[string(x), s].join(string(1 / x)) == '2-a'", "s.charAt(x) == 'a'", "'abc'.lastIndexOf('c', x) == 2", "'abc'.indexOf('c', 1 / x) == 2",
    "uint(x) > 1u", "uint(x) + 2u > 3u", "uint(x) - 2u == 0u", "uint(x) * uint(y) >= 2u", "uint(x - 2) > 0u", "uint(x) == uint(y)", "uint(x) != dyn(x)", "dyn(uint(x)) < 2", "uint(x) < dyn(2)", "uint(x) / 2u == 1u", "uint(x) % 2u == 1u || -dyn(uint(x)) == 1u",
    "uint(string(x)) + 18446744073709551614u > 2u", "[uint(x), 2u].max() == 2u", "{uint(x): y}.size() == 1 && dyn(uint(x)) in {2: 1}", "dyn(l)[uint(x)] == 2", "l[dyn(uint(x))] == 2", "cel.bind(u, uint(1 / x), u + 1u > 1u)", "type(uint(x)) == uint", "string(uint(x)) == '2'",
    "[1u, 2u].exists(z, z > uint(x))", "[1u, 2u].all(z, z + 1u < 4u)", "(x > 1 ? uint(x) : 0u) > 1u", "optional.of(uint(x)).value() == 2u",
    "['a', 'b', 'c'][x] == 'b'", "['a', 'b', 'c'][x - 1] == 'b'", "[dyn(1), dyn('b')][x % 2] == 1", "[1, 2][x / 2] + 1 > 2", "[1, 2][1 / x] == 2", "[[1], [2]][x % 2][0] == 1", "[true, false][x % 2]", "[dyn(1), dyn(2)][x % 2] > 1", "[x, 2][x % 2] > 1", "['a', 'b'][dyn(uint(x))] == 'a'",
    "quantity(string(x)).isInteger()", "quantity(string(x) + 'Ki').isGreaterThan(quantity('1500'))", "sign(quantity(s + string(x))) == 1", "sign(quantity(dyn(x))) == 1", "sign(quantity(string(x - 1))) == 1", "quantity(string(x)).add(x).asInteger() > 3", "isQuantity(string(x) + s)", "quantity('0' + string(x) + '.50m').isInteger()",
    "semver('1.' + string(x) + '.0').minor() == x", "semver(string(x)).major() == x", "semver(string(x), true).major() == x", "semver(string(x), x > 1).major() == x", "isSemver('1.0.0-' + string(x))", "semver('1.0.' + string(x)).isLessThan(semver('1.0.2'))",
    "ip('10.0.0.' + string(x)).family() == 4", "isIP('10.0.0.25' + string(x * 3))", "cidr('10.0.0.0/' + string(x)).prefixLength() > 1", "url('http://a/' + string(x) + '?b=' + s).getQuery()['b'] == ['a']", "url('http://a:8' + string(x) + '/').getPort() == '82'",
    "timestamp(x * 86400).getDayOfMonth() == 2", "timestamp(x).getSeconds() == 2", "timestamp(x * 3600).getHours('America/New_York') > 19", "string(timestamp(x * 100000)) == '1970-01-03T07:33:20Z'", "string(duration(string(x) + 'ms')) == '0.002s'",
    "!format.dns1123Label().validate(string(x) + s).hasValue()", "format.named(string(x)).hasValue()", "double(string(x)) == 2.0", "int(string(x) + '0') == 20", "bytes(string(x)) == b'2'", "strings.quote(string(x)) == '\"2\"'", "string(x).upperAscii() == s.lowerAscii()",
    "(s + string(1 / x)).contains('1')", "(s + s).startsWith(string(x)) || s.endsWith(string(1 / x))", "string(1 / x) + string(1 / (x - 1)) == '11'", "string(1 / x) < string(x)", "google.protobuf.Int64Value{value: x} > 1", "google.protobuf.Struct{fields: {s: x}}.a > 1.0",
)  # fmt: skip
SHAPES = (
    "l.all(x, {})", "l.exists(x, {})", "l.exists_one(x, {})", "l.filter(x, {}).size() > 1",
    "l.map(x, {}).size() > 1", "l.map(x, {}, 10 / x).size() > 1", "l.all(i, x, {} && i < 9)",
    "l.existsOne(i, x, {})", "l.transformList(i, x, {}).size() > 1", "lists.range(5).all(x, {}) || true",
    "lists.range(4).map(x, lists.range(x).map(z, {})).size() == 4", "[2, 0, 1].exists(x, {})",
    "[dyn(1), dyn('a'), dyn(2.0), dyn(null)].exists(x, {})", "m.all(x, {})", "[o].all(x, {}) || true",
    "lists.range(-1).all(x, {}) || true", "[1, 2].map(x, 7) == [7, 7] && [y].all(x, {})", "l.all(x, l.exists(y, {}))", "dyn(l.map(x, {})[0]) == 1 || true",
    "l.transformMap(i, x, {}).size() == 4", "l.transformMap(i, x, {}, 6 / x).size() > 1", "m.transformMap(x, z, {}).size() == 2 || true",
    "l.transformMapEntry(i, x, {{x: {}}}).size() == 4 || true", "l.transformMapEntry(i, x, {}, {{i: 6 / x}}).size() > 1", "[1, 1].transformMapEntry(i, x, {{x: {}}}).size() == 2 || true",
    "l.exists_one(x, {}) || true", "l.filter(x, {}).size() == 1 || true",
)  # fmt: skip
SCOPE = "cel.bind(l, [0, 1, 2, 3], cel.bind(m, {{0: 1, 1: 2}}, cel.bind(s, 'a', cel.bind(o, optional.of(1), cel.bind(y, 2, {})))))"


def outcome(interpreter: Interpreter, *, limit: int = 1_000_000) -> tuple[Any, ...]:
    device = view_of(shape_of(DEVICE)).device
    try:
        value, cost = interpreter.evaluate({"device": device}, limit)
    except EvalError:
        return ("failed",)
    except EvalAbortError:
        return ("ended",)
    return str(value), cost


@pytest.mark.parametrize("shape", SHAPES)
def test_written_loops_are_worth_and_cost_the_same(shape: str) -> None:
    wrong = []
    compared = 0
    for body in BODIES:
        text = SCOPE.format(shape.format(body))
        try:
            program = compile_expression(text, CelFeatures())
        except CelCompileError:
            continue
        compared += 1
        expected = outcome(Interpreter(program.tree, ("device",)))
        found = outcome(program.interpreter)
        if found != expected:
            wrong.append((body, expected, found))
        if expected[0] not in ("failed", "ended"):
            # The limit is met at the same unit.
            cost = expected[1]
            exact = tuple(outcome(program.interpreter, limit=limit) for limit in (cost, cost - 1))
            if exact != (expected, ("ended",)):
                wrong.append((body, expected, exact))
    assert wrong == []
    assert compared > 3


def test_random_expressions_are_worth_and_cost_the_same() -> None:
    random = Random(11)  # noqa: S311 - a run must be repeatable
    wrong = []
    for _ in range(600):
        mode, text = Grammar(random).expression()
        if mode != "selector":
            continue
        try:
            program = compile_expression(text, CelFeatures())
        except CelCompileError:
            continue
        expected = outcome(Interpreter(program.tree, ("device",)))
        found = outcome(program.interpreter)
        if found != expected:
            wrong.append((text, expected, found))
    assert wrong == []
