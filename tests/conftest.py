"""What all tests share."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# The machine that runs the tests is shared: how long one example takes says nothing.
settings.register_profile("shared-machine", deadline=None)
settings.load_profile("shared-machine")


@pytest.fixture(scope="session")
def cluster_autoscaler() -> Path:
    """Cluster Autoscaler's side of the expander, built once; without Go skipped, but not in CI."""
    import autoscaler  # noqa: PLC0415 - on the path of pytest, not of other programs
    import gobuild  # noqa: PLC0415 - as above

    uv = Path(os.environ["UV"]) if "UV" in os.environ else None
    try:
        return autoscaler.binary(uv=uv)
    except gobuild.BuildError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"no client: {error}")
