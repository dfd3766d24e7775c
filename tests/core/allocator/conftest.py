"""Objects to test the allocator with."""

import os
from collections.abc import Iterator
from pathlib import Path

import gobuild
import oracle
import pytest


@pytest.fixture(scope="session")
def in_tree() -> Iterator[oracle.Oracle]:
    """Kubernetes' own allocator; without Go the test is skipped, but not in CI."""
    uv = Path(os.environ["UV"]) if "UV" in os.environ else None
    try:
        program = oracle.binary(uv=uv)
    except gobuild.BuildError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"no oracle: {error}")
    with oracle.Oracle("allocate", program) as running:
        yield running
