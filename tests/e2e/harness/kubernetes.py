"""The version of Kubernetes that this run has: KUBERNETES=1.34 in the environment, as `make e2e` sets it.

Without it the release build's. Tests are written for that one; here is what others need otherwise.
"""

import os

import control_plane as recipes
import gobuild

try:
    RECIPE = recipes.recipe(os.environ.get("KUBERNETES", ""))
except gobuild.BuildError as error:
    raise SystemExit(str(error)) from None

MINOR = RECIPE.emulated or ".".join(RECIPE.version.removeprefix("v").split(".")[:2])


def number(minor: str) -> tuple[int, ...]:
    """`1.34` as numbers, to compare."""
    return tuple(map(int, minor.split(".")))


def is_since(minor: str) -> bool:
    """Whether this run's Kubernetes is that version or newer."""
    return number(MINOR) >= number(minor)


RESOURCE_API = "resource.k8s.io/v1" if is_since("1.34") else "resource.k8s.io/v1beta2"
"""The newest version of claims, classes and slices that is served."""
TAINT_RULE_API = "resource.k8s.io/v1" if is_since("1.37") else ""
"""That of DeviceTaintRules; none where they are off by default."""


def flags(gates: tuple[str, ...] = ()) -> tuple[str, ...]:
    """What every component is started with besides: its feature gates, and the version it emulates."""
    wanted = (*gates, *(() if is_since("1.34") else ("DynamicResourceAllocation=true",)))
    return (
        *((f"--feature-gates={','.join(wanted)}",) if wanted else ()),
        *((f"--emulated-version=kube={MINOR}",) if RECIPE.emulated else ()),
    )
