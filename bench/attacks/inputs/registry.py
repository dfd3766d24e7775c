"""How a module of attacks names them."""

from collections.abc import Awaitable, Callable

from bench.attacks.served import Served

Attack = Callable[[Served], Awaitable[str]]
"""Returns how it ended."""


def registry() -> tuple[dict[str, Attack], Callable[[str], Callable[[Attack], Attack]]]:
    """The attacks of one module by name, and the decorator that adds one."""
    attacks: dict[str, Attack] = {}

    def attack(name: str) -> Callable[[Attack], Attack]:
        def add(run: Attack) -> Attack:
            attacks[name] = run
            return run

        return add

    return attacks, attack
