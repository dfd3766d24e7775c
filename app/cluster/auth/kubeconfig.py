"""Reads kubeconfig files: the cluster and the user.

Every error names the file and the field. The rules are kubectl's: files are merged, the first file with
an entry wins, and paths are relative to the file that contains them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from app.cluster.client.errors import CredentialsError


@dataclass(frozen=True, slots=True)
class Section:
    """A mapping in a kubeconfig with its position. Values may be secrets: they are not in its repr."""

    file: Path
    at: str
    values: Mapping[str, Any] = field(repr=False)

    def error(self, key: str, problem: str) -> CredentialsError:
        at = self._at(key)
        return CredentialsError(f"{self.file}: {at}" if at else str(self.file), problem)

    def text(self, key: str) -> str:
        """A string, "" if absent. Raises: CredentialsError."""
        value = self.values.get(key)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self.error(key, f"must be a string, is {_type_name(value)}")
        return value

    def flag(self, key: str) -> bool:
        value = self.values.get(key)
        if value is None:
            return False
        if not isinstance(value, bool):
            raise self.error(key, f"must be true or false, is {_type_name(value)}")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        values = self.items(key)
        for index, value in enumerate(values):
            if not isinstance(value, str):
                raise self.error(f"{key}[{index}]", f"must be a string, is {_type_name(value)}")
        return tuple(values)

    def items(self, key: str) -> list[Any]:
        value = self.values.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.error(key, f"must be a list, is {_type_name(value)}")
        return value

    def section(self, key: str) -> "Section | None":
        value = self.values.get(key)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self.error(key, f"must be a mapping, is {_type_name(value)}")
        return Section(self.file, self._at(key), value)

    def _at(self, key: str) -> str:
        return f"{self.at}.{key}".strip(".")

    def path(self, key: str) -> Path | None:
        """A file name, made absolute."""
        text = self.text(key)
        return self.file.parent / Path(text).expanduser() if text else None


@dataclass(frozen=True, slots=True)
class Selected:
    """The target of one context of the merged files; ``user`` is None for anonymous access.

    ``name`` is that of the cluster.
    """

    context: str
    namespace: str
    cluster: Section
    user: Section | None
    name: str


def read_kubeconfig(
    files: Iterable[Path], context: str = "", *, cluster: str = "", user: str = ""
) -> Selected:
    """Reads and merges the files, and follows a context (default: current-context).

    ``cluster`` and ``user`` name others than the context's. With both, no context is needed. Ignores
    files that do not exist, as long as one exists.

    Raises: CredentialsError.
    """
    paths = [file.expanduser() for file in files]
    sections = [_read(file) for file in paths if file.exists()]
    if not sections:
        raise CredentialsError(", ".join(map(str, paths)), "no such file")
    context = context or next(filter(None, (top.text("current-context") for top in sections)), "")
    found = _context(sections, context, needed=not (cluster and user))
    cluster_name = cluster or found.text("cluster")
    cluster_section = _named(sections, "clusters", "cluster", cluster_name)
    if cluster_section is None:
        raise found.error("cluster", f"cluster {cluster_name!r} not found")
    user_name = user or found.text("user")
    user_section = _named(sections, "users", "user", user_name) if user_name else None
    if user_name and user_section is None:
        raise found.error("user", f"user {user_name!r} not found")
    return Selected(context, found.text("namespace"), cluster_section, user_section, cluster_name)


def _context(sections: list[Section], name: str, *, needed: bool) -> Section:
    """Raises: CredentialsError."""
    if not name and not needed:
        return Section(sections[0].file, "", {})
    if not name:
        raise sections[0].error("current-context", "not set, and no context was given")
    found = _named(sections, "contexts", "context", name)
    if found is None:
        raise CredentialsError(", ".join(str(top.file) for top in sections), f"context {name!r} not found")
    return found


def _read(file: Path) -> Section:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise CredentialsError(str(file), error.strerror or type(error).__name__) from error
    try:
        value = yaml.safe_load(content)
    except yaml.YAMLError as error:
        # The error's text quotes the lines around the error, which may contain a token.
        raise CredentialsError(f"{file}{_position(error)}", "is not valid YAML") from None
    except ValueError:
        raise CredentialsError(str(file), "is not valid YAML") from None
    if value is None:
        value = {}
    if not isinstance(value, dict):
        raise CredentialsError(str(file), f"must be a mapping, is {_type_name(value)}")
    return Section(file.absolute(), "", value)


def _position(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f":{mark.line + 1}:{mark.column + 1}" if mark else ""


def _named(sections: list[Section], key: str, inner: str, name: str) -> Section | None:
    """The inner mapping of the first entry with that name in any file."""
    for top in sections:
        for index, entry in enumerate(top.items(key)):
            if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
                raise top.error(f"{key}[{index}]", "must be a mapping with a name")
            if entry["name"] == name:
                found = Section(top.file, f"{key}[{name}]", entry).section(inner)
                return found or Section(top.file, f"{key}[{name}].{inner}", {})
    return None


def _type_name(value: object) -> str:
    names = {bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "a mapping"}
    return names.get(type(value), "a string" if isinstance(value, str) else type(value).__name__)
