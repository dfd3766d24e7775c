"""A kept error refers to no frame, nor to the errors before it."""

import weakref

from app.core.kept_error import kept


class Held:
    """Stands for what the frames on the way have in their variables."""


def fails(seen: "list[weakref.ref[Held]]", values: dict[str, int]) -> int:
    held = Held()
    seen.append(weakref.ref(held))
    try:
        return values["first"]
    except KeyError as error:
        raise ValueError("second") from error


def test_what_the_frames_refer_to_is_freed() -> None:
    seen: list[weakref.ref[Held]] = []
    try:
        fails(seen, {})
    except ValueError as error:
        last: BaseException = error
    assert seen[0]() is not None
    assert kept(last) is last
    assert seen[0]() is None
    assert str(last) == "second"
    assert last.__cause__ is None
    assert last.__context__ is None
