"""Ten thousand interleavings: no device twice, no claim leaked, no Pod bound without its devices, all bound.

In some of them another allocator takes devices, and no Pod is bound to one that it is known to have. In some
etcd is restored from a backup, and the replicas know what is again, whatever they have written since.

A failure names its seed; `SEED=... pytest tests/cluster/simulation` replays it and prints every step.
RUNS says how many are run: 5,000 under CI, fewer elsewhere.
"""

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from tests.cluster.simulation.world import Outcome, run

RUNS = int(os.environ.get("RUNS") or (5_000 if os.environ.get("CI") == "true" else 200))
SEED = os.environ.get("SEED")


def test_nothing_is_given_twice_and_nothing_is_lost() -> None:
    seeds = [int(SEED)] if SEED else range(RUNS)
    outcomes = run_all(seeds)
    broken = [outcome for outcome in outcomes if outcome.broken]
    told = "\n".join(f"SEED={outcome.seed}: {'; '.join(outcome.broken)}" for outcome in broken[:20])
    story = "\n".join(broken[0].story) if broken else ""
    assert not broken, f"{len(broken)} of {len(outcomes)} runs\n{told}\n\nof the first:\n{story}"
    if not SEED:
        # The runs are worth something only if much happens in them.
        assert sum(outcome.bound for outcome in outcomes) > len(outcomes)
        assert sum(outcome.crashes for outcome in outcomes) > len(outcomes) / 4
        assert sum(outcome.leaders for outcome in outcomes) > len(outcomes) * 1.3
        assert sum(outcome.clashes for outcome in outcomes) > len(outcomes) / 20


def test_a_seed_replays_its_run() -> None:
    for seed in range(5):
        first, second = run(seed), run(seed)
        assert (first.steps, first.bound, first.leaders) == (second.steps, second.bound, second.leaders)


@pytest.mark.parametrize(
    ("sabotage", "seeds", "seen"),
    [
        pytest.param("late assume", range(60, 80), "is held by", id="devices assumed after the first await"),
        pytest.param(
            "no barrier",
            range(20, 40),
            "is held by",
            id="a new leader decides on what it has been told so far",
        ),
        pytest.param(
            "no last look",
            range(110, 152),
            "is known to hold",
            id="rivals heard of late are not given way to",
        ),
        pytest.param("old versions", range(20), "counts as", id="a list after a restore changes nothing"),
        pytest.param("one place", range(30, 40), "promised", id="one of the named nodes is reserved alone"),
    ],
)
def test_a_broken_rule_shows(sabotage: str, seeds: range, seen: str) -> None:
    """A simulation that finds nothing where there is something would be worth nothing.

    The seeds are some that find it: where the code under test takes other steps, others may be needed.
    """
    outcomes = (run(seed, sabotage) for seed in seeds)
    assert any(seen in text for outcome in outcomes for text in outcome.broken)


def run_all(seeds: list[int] | range) -> list[Outcome]:
    """Runs on all cores: each seed is a world of its own."""
    if len(seeds) < 50:
        return [run(seed) for seed in seeds]
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        return list(pool.map(run, seeds, chunksize=25))
