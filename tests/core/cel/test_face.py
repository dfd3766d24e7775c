"""The package without devices: any variables, any result, costs and estimates."""

import re
from pathlib import Path

import pytest

import app.core.cel
from app.core import cel
from app.core.cel import types

ENVIRONMENT = cel.Environment({"size": types.INT, "name": types.STRING})


@pytest.mark.parametrize(
    ("text", "value", "cost"),
    [
        ("size + 1", 5, 2),
        ("size > 3 && name.startsWith('a')", True, 4),
        ("[1, 2, 3].filter(x, x < size).size()", 3, 50),
        ("name", "abc", 1),
    ],
)
def test_an_expression_over_variables_has_a_value_and_a_cost(text: str, value: object, cost: int) -> None:
    program = cel.compile(text, ENVIRONMENT)

    assert program.evaluate({"size": 4, "name": "abc"}, 1_000) == (value, cost)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("device.driver", "undeclared reference to 'device': an expression sees only `name`, `size`"),
        ("size + name", "found no matching overload"),
        ("size >", "syntax error"),
    ],
)
def test_a_wrong_expression_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(cel.CelCompileError, match=re.escape(message)) as caught:
        cel.compile(text, ENVIRONMENT)

    assert caught.value.line == 1
    assert caught.value.column is not None


def test_an_environment_refuses_results_by_type() -> None:
    numbers = cel.Environment(
        {}, refusal=lambda result: None if result == types.INT else f"not an int: {result}"
    )

    assert cel.compile("1 + 1", numbers).result == types.INT
    with pytest.raises(cel.CelCompileError, match="not an int: bool"):
        cel.compile("1 == 1", numbers)


def test_fields_of_a_message_are_checked() -> None:
    car = cel.Type(types.STRUCT, "example.Car")
    environment = cel.Environment({"car": car}, {car.name: {"doors": types.INT}})

    assert cel.compile("car.doors", environment).result == types.INT
    with pytest.raises(cel.CelCompileError, match="undefined field 'wheels': car has doors"):
        cel.compile("car.wheels", environment)


def test_an_evaluation_ends_at_its_limit() -> None:
    program = cel.compile("[1, 2, 3, 4].all(x, x < size)", ENVIRONMENT)

    with pytest.raises(cel.CelRuntimeError, match="actual cost limit exceeded"):
        program.evaluate({"size": 9, "name": ""}, 10)


def test_an_estimate_bounds_the_cost_by_the_declared_sizes() -> None:
    program = cel.compile("name.contains('abc')", ENVIRONMENT)

    assert cel.estimate(program, {"name": cel.Declared(50)}) < cel.estimate(
        program, {"name": cel.Declared(5_000)}
    )
    assert cel.estimate(program, {})[1] > 2**60
    assert (
        cel.estimate(program, {"name": cel.Declared(50)})[0]
        <= program.evaluate({"size": 0, "name": "abc"})[1]
    )


def test_the_readme_shows_what_comes() -> None:
    page = (Path(app.core.cel.__file__).parent / "README.md").read_text()
    code = page.split("```python\n")[1].split("```")[0]
    space: dict[str, object] = {}

    exec(code, space)  # noqa: S102 - the page's own example

    assert f"({space['value']}, {space['cost']})" in code
