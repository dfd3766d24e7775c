"""Builds the wheel with the package under its own name, dra_extender.

The sources are the package `app`, a name that other projects use too: installed beside them it would collide.
A wheel therefore has a copy in which every import of `app` names `dra_extender`. An editable installation
keeps the sources, and gets a module of that name, for the entry points, which leads to them.
See docs/decisions/095-package-name.md for the reasons.
"""

import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCE, NAME = "app", "dra_extender"
_IMPORT = re.compile(rf"^(\s*(?:from|import)\s+){SOURCE}(?=[.\s])", re.MULTILINE)
_SHIM = f"""\
\"\"\"Leads from the name in wheels to the sources.\"\"\"

from {SOURCE}.cli{{module}} import {{name}} as {{name}}
"""
_SHIMS = {
    "__init__.py": f'"""The name of {SOURCE} in wheels."""\n',
    "cli/__init__.py": _SHIM.format(module="", name="main"),
    "cli/completion.py": _SHIM.format(module=".completion", name="complete_for_kubectl"),
}


class CustomBuildHook(BuildHookInterface):  # type: ignore[type-arg,misc] # hatchling is installed for builds only
    """Called by hatchling for each wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Adds the files of the wheel: a renamed copy, or the module that leads to the sources."""
        self._folder = Path(tempfile.mkdtemp(prefix="dra-extender-wheel-"))
        target = self._folder / NAME
        root = Path(self.root)
        if version == "editable":
            for name, text in _SHIMS.items():
                file = target / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8")
                build_data["force_include_editable"][str(file)] = f"{NAME}/{name}"
            return
        rename(root / SOURCE, target)
        shutil.copytree(root / "examples", target / "examples", ignore=_IGNORED)
        build_data["force_include"][str(target)] = NAME

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        """Removes the copy."""
        shutil.rmtree(self._folder, ignore_errors=True)


_IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc")


def rename(source: Path, target: Path) -> None:
    """Copies the package, and changes the imports of its modules."""
    shutil.copytree(source, target, ignore=_IGNORED)
    for file in target.rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        changed = _IMPORT.sub(rf"\g<1>{NAME}", text)
        if changed != text:
            file.write_text(changed, encoding="utf-8")
