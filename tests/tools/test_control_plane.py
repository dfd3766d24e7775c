"""Which build a minor version of Kubernetes comes from."""

import control_plane
import gobuild
import pytest


@pytest.mark.parametrize(
    ("minor", "version", "emulated"),
    [
        ("", "v1.37.2", ""),
        ("1.37", "v1.37.2", ""),
        ("1.36", "v1.37.2", "1.36"),
        ("1.34", "v1.37.2", "1.34"),
        ("1.33", "v1.33.13", ""),
        ("1.38", "v1.38.0-beta.0", ""),
    ],
)
def test_a_minor_version_is_built_or_emulated(minor: str, version: str, emulated: str) -> None:
    recipe = control_plane.recipe(minor)
    assert (recipe.version, recipe.emulated) == (version, emulated)
    assert recipe.folder.name == version
    assert {program.version for program in recipe.programs()} == {version}
    assert gobuild.module_version(recipe.module, "k8s.io/kubernetes") == version


@pytest.mark.parametrize("minor", ["1.32", "1.99", "1", "v1.37", "1.37.2", "../helm"])
def test_any_other_version_is_refused_with_those_that_there_are(minor: str) -> None:
    with pytest.raises(gobuild.BuildError, match=r"only 1\.33, 1\.34, 1\.35, 1\.36, 1\.37, 1\.38$"):
        control_plane.recipe(minor)


def test_only_the_module_that_names_the_stand_in_is_built_with_it() -> None:
    needed = {
        minor
        for minor in control_plane.available()
        if control_plane.crd_types.is_needed(control_plane.recipe(minor).module)
    }
    assert needed == {"1.38"}
