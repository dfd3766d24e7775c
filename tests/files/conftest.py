"""The command line, as the tests of it have it."""

from tests.cli.conftest import cli as cli  # noqa: PLC0414 - a fixture by its own name
