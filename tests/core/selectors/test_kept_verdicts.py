"""A tenant can have thousands of expensive selectors evaluated: what is kept of that is bounded."""

import gc

import pytest

from app.core.model.device import DeviceShape, intern_shape
from app.core.selectors import kept_verdicts
from app.core.selectors.kept_verdicts import KeptVerdicts


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_verdicts, "_put", [0])


def shapes(number: int) -> list[DeviceShape]:
    return [intern_shape(f"driver-{index}.example.com", {}, {}) for index in range(number)]


def test_a_verdict_ends_with_its_shape() -> None:
    kept, (one, other) = KeptVerdicts(), shapes(2)
    kept.put(one, True)
    kept.put(other, False)
    assert (kept.get(one), kept.get(other)) == (True, False)
    del one
    gc.collect()
    assert len(kept) == 1


def test_all_selectors_together_keep_a_bounded_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_verdicts, "MAX_TOGETHER", 50)
    every, some = [KeptVerdicts() for _ in range(10)], shapes(20)
    for kept in every:
        for shape in some:
            kept.put(shape, True)
            assert sum(map(len, every)) <= 50
    assert every[-1].get(some[-1]) is True, "the latest is kept"
