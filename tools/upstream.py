"""make upstream: Kubernetes' own tests of DRA, with its plugin and with this program, side by side.

    python tools/upstream.py                     all of it; writes results.json and docs/upstream.md
    python tools/upstream.py --run all/Prior     some of it; prints the table
    python tools/upstream.py --run all/Prior --keep    and puts the results in the place of the former ones
    python tools/upstream.py --build             compiles the tests and stops

Ends with 1 where a subtest passes with the plugin and not here, without a reason in differences.yaml, and
where there is a reason for one that does pass.
"""

import argparse
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import gobuild
import gotest
import upstream_build
import upstream_page
from upstream_page import WORDS
from upstream_run import Side, run

ROOT = "TestDRA"
# Configurations of the feature gates that schedule anything; the others are about the API alone.
CONFIGURATIONS = ("all", "default", "GA")
# Those that start no kube-scheduler: they would be the same test twice.
WITHOUT_SCHEDULER = (
    "AdminAccess",
    "Convert",
    "ControllerManagerMetrics",
    r"EvictCluster\w+",
    "MaxResourceSlice",
    "Pod",
    "PublishResourceSlices",
    "ResourceClaimDeviceStatus",
    "ResourceSliceController",
    "ResourceSliceFieldSelectors",
)
PARALLEL = 6
SKIP = f"^{ROOT}$/./^({'|'.join(WITHOUT_SCHEDULER)})$"


def measure(select: str, *, seconds: int, uv: Path | None) -> dict[str, tuple[str, str]]:
    """Subtest to how it ends with the plugin and here. Raises: BuildError; RuntimeError if none has run."""
    program = upstream_build.binary("dra", uv=uv)

    def results(side: Side, which: str) -> dict[str, gotest.Result]:
        # Go runs as many parallel subtests at a time as there are cores; these mostly wait.
        arguments = (f"-test.parallel={PARALLEL}",)
        return run(program, side, select=which, skip=SKIP, seconds=seconds, arguments=arguments)

    in_tree, here = results(Side.IN_TREE, select), results(Side.HERE, select)
    compared = {
        name: (_outcome(in_tree, name), _outcome(here, name))
        for name in sorted(gotest.leaves(in_tree | here))
    }
    failed = [name for name, (plugin, extender) in compared.items() if plugin == "pass" != extender]
    # Once more with the answers in the plugin's words: what passes then differs in words alone.
    reworded = results(Side.REWORDED, exactly(failed)) if failed else {}
    for name in failed:
        if _outcome(reworded, name) == "pass":
            compared[name] = ("pass", WORDS)
    return {name.removeprefix(f"{ROOT}/"): outcomes for name, outcomes in compared.items()}


def _outcome(found: Mapping[str, gotest.Result], name: str) -> str:
    return found[name].outcome if name in found else gotest.UNFINISHED


def selection(pattern: str) -> str:
    """A ``-test.run`` for all configurations, or for what ``pattern`` names below the root."""
    return f"^{ROOT}$/{pattern}" if pattern else f"^{ROOT}$/^({'|'.join(CONFIGURATIONS)})$"


def exactly(names: Iterable[str]) -> str:
    """A ``-test.run`` that selects these tests: level by level, so a few more where levels mix."""
    levels: list[dict[str, None]] = []
    for name in names:
        for depth, part in enumerate(name.split("/")):
            if depth == len(levels):
                levels.append({})
            levels[depth][part] = None
    return "/".join(f"^({'|'.join(level)})$" for level in levels)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--uv", type=Path, help="the uv that gets Go where the PATH has none")
    parser.add_argument("--run", default="", metavar="REGEX", help="only subtests like all/PrioritizedList")
    parser.add_argument("--seconds", type=int, default=1800, help="the most that one run may take")
    parser.add_argument("--keep", action="store_true", help="write the results of --run, as of a whole run")
    parser.add_argument("--build", action="store_true", help="compile the tests and stop")
    arguments = parser.parse_args()
    try:
        if arguments.build:
            print(upstream_build.binary("dra", uv=arguments.uv))
            return 0
        results = measure(selection(arguments.run), seconds=arguments.seconds, uv=arguments.uv)
    except (gobuild.BuildError, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 1
    if arguments.keep or not arguments.run:
        upstream_page.save_results(upstream_page.load_results() | results if arguments.run else results)
        upstream_page.PAGE.write_text(upstream_page.page(), encoding="utf-8")
    reasons = upstream_page.load_reasons()
    found = upstream_page.rows(results, reasons)
    wrong = upstream_page.faults(found, reasons)
    print("\n".join([upstream_page.tables(found), "", *wrong]))
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
