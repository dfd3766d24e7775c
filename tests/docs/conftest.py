"""The server that pages ask with curl."""

from tests.cli.conftest import served as served  # noqa: PLC0414 - a fixture by its own name
