"""Kubernetes' own tests, compiled by `make upstream-build`."""

import os

import pytest
import upstream_build
from harness import binaries


@pytest.fixture(scope="session")
def dra_tests() -> str:
    """Their program is built, and etcd for it."""
    why = binaries.missing()
    if not why and not upstream_build.is_built("dra"):
        why = "Kubernetes' own tests are not compiled: run `make upstream-build` (2 min after control-plane)"
    if why and os.environ.get("CI") == "true":
        pytest.fail(why, pytrace=False)
    if why:
        pytest.skip(why)
    return "dra"
