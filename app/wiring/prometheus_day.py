"""The last 24 hours of the overview as Prometheus has them, from the metrics of earlier processes."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import httpx
import orjson

from app.api.overview_history import STEP_SECONDS, OverviewSample

PREFIX = "dra_extender_"
_DAY_SECONDS = 24 * 3600
_TIMEOUT_SECONDS = 10.0
_MAX_BYTES = 32 * 1024 * 1024
"""Of one answer: a day of 500 drivers."""
_FREE, _TAKEN, _INCOMPLETE = 'state="free"', 'state=~"taken|shared|assumed"', 'state!="complete"'


class PrometheusError(Exception):
    """Prometheus did not answer in time, or with something else than series."""


def queries(selector: str) -> dict[str, str]:
    """PromQL by series. Replicas have the same inventory: of those, the largest number counts.

    Args:
        selector: label matchers of one installation, such as ``job="dra-extender"``; empty for all.
    """

    def of(name: str, *matchers: str) -> str:
        return f"{PREFIX}{name}{{{','.join(filter(None, (selector, *matchers)))}}}"

    def devices(*matchers: str) -> str:
        return f"max by (driver, state) ({of('devices', *matchers)})"

    troubled = f"max by (driver, state) ({of('pools', _INCOMPLETE)})"
    return {
        "devices": f"sum({devices()})",
        "free": f"sum({devices(_FREE)})",
        "inUse": f"sum({devices(_TAKEN)})",
        "inUse {driver}": f"sum by (driver) ({devices(_TAKEN)})",
        "pending": f"sum(max by (reason, age) ({of('pending_pods')}))",
        "troubled": f"sum({troubled})",
    }


async def day_of(
    client: httpx.AsyncClient, url: str, selector: str, end: dt.datetime
) -> list[OverviewSample]:
    """The samples of the day until ``end``, oldest first, one a minute. Empty if Prometheus has none.

    Fragmentation and stale claims have no value.

    Raises: PrometheusError.
    """
    values: dict[float, dict[str, float | None]] = {}
    for name, query in queries(selector).items():
        for labels, points in await _range(client, url, query, end):
            series = name.format_map(labels) if "{" in name else name
            for at, number in points:
                values.setdefault(at, {})[series] = number
    return [OverviewSample(_text(at), values[at]) for at in sorted(values)]


async def _range(
    client: httpx.AsyncClient, url: str, query: str, end: dt.datetime
) -> list[tuple[Mapping[str, str], list[tuple[float, float]]]]:
    """Labels and points of each series. Raises: PrometheusError."""
    seconds = int(end.timestamp() // STEP_SECONDS * STEP_SECONDS)
    form = {"query": query, "start": seconds - _DAY_SECONDS, "end": seconds, "step": STEP_SECONDS}
    try:
        content = await _content(client, f"{url.rstrip('/')}/api/v1/query_range", form)
        answer: Any = orjson.loads(content)
        if answer["status"] != "success":
            raise PrometheusError(str(answer.get("error") or answer["status"]))
        return [
            (item["metric"], [(float(at), float(value)) for at, value in item["values"]])
            for item in answer["data"]["result"]
        ]
    except httpx.HTTPError as error:
        raise PrometheusError(str(error) or type(error).__name__) from None
    except (KeyError, TypeError, ValueError, AttributeError):
        raise PrometheusError(f"{url} answers with something else than series") from None


async def _content(client: httpx.AsyncClient, url: str, form: Mapping[str, Any]) -> bytes:
    """Raises: PrometheusError, httpx.HTTPError."""
    parts, size = [], 0
    async with client.stream("POST", url, data=form, timeout=_TIMEOUT_SECONDS) as response:
        async for part in response.aiter_bytes():
            size += len(part)
            if size > _MAX_BYTES:
                raise PrometheusError(f"the answer is larger than {_MAX_BYTES} bytes")
            parts.append(part)
    status = response.status_code
    if status in (401, 403):
        raise PrometheusError(f"{url} returned status {status}: check the credentials for it")
    if 300 <= status < 400 or status >= 500 or not parts:
        raise PrometheusError(f"{url} returned status {status}")
    return b"".join(parts)


def _text(at: float) -> str:
    moment = dt.datetime.fromtimestamp(at, dt.UTC)
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
