"""Devices of an allocation as text."""

from collections.abc import Sequence

from app.core.json_object import JsonObject


def devices_of(allocation: JsonObject | None, *, full: bool = False) -> str:
    """The devices of an AllocationResult as pool/device or driver/pool/device.

    With the alternative that was taken, and the share of a device that several may use.
    """
    return ", ".join(_device(result, full=full) for result in results_of(allocation)) or "no devices"


def _device(result: JsonObject, *, full: bool) -> str:
    name = f"{result['pool']}/{result['device']}"
    more = [f"as {result['request']}"] if "/" in str(result.get("request")) else []
    more += [f"share {result['shareID']}"] if result.get("shareID") else []
    shown = f"{result['driver']}/{name}" if full else name
    return f"{shown} ({', '.join(more)})" if more else shown


def results_of(allocation: JsonObject | None) -> Sequence[JsonObject]:
    """The devices of an AllocationResult."""
    return ((allocation or {}).get("devices") or {}).get("results") or ()
