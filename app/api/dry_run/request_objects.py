"""Reads the objects of a request, and refuses what an API server would refuse.

Only what a question brings is validated: the objects of the cluster have passed an API server.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from app.api.errors import HttpError, invalid_object
from app.core.model.errors import ObjectError, path_text
from app.core.model.limits import beyond_limits
from app.core.model.parse import Object, is_to_be_placed, parse, ref_of
from app.core.model.resource_claim import ResourceClaim, ResourceClaimTemplate
from app.core.pauses import pause
from app.core.versions import KubernetesVersion


def read_object(raw: Any, where: str) -> Object:
    """Raises: HttpError, 422."""
    beyond = beyond_limits(raw)
    if beyond is not None:
        path, reason = beyond
        raise HttpError(422, "InvalidObject", f"{ref_of(raw)}: {path} {reason}", f"{where}.{path}")
    try:
        return parse(raw)
    except ObjectError as error:
        raise invalid_object(error, where) from None


def read_placed(raw: Any, where: str, version: KubernetesVersion) -> Object:
    """Reads a Pod or a workload to place.

    It is refused if a field of DRA is misspelt, or if the API server of this version would refuse the Pods:
    they would be placed as if they requested no devices.

    Raises: HttpError, 422. Cost: O(values of the object), with pauses.
    """
    pause()
    if not isinstance(raw, dict):
        return read_object(raw, where)
    # The first question imports it and reads its table, not the start of a service or of a command.
    from app.manifests.validation.api_table import NEWEST, minor_of  # noqa: PLC0415 - see above
    from app.manifests.validation.schema import misspelt_dra_fields  # noqa: PLC0415 - see above
    from app.manifests.validation.unseen import placed_refusals  # noqa: PLC0415 - see above

    # A misspelt field comes first: that another one is missing is the consequence.
    _refuse(raw, where, misspelt_dra_fields(raw, minor_of(version.name) or NEWEST))
    item = read_object(raw, where)
    _refuse(raw, where, placed_refusals(raw))
    return item


def read_given(raw: Any, where: str, version: KubernetesVersion) -> Object:
    """Reads an object that a question adds to the inventory.

    Pods to place as ``read_placed``; a claim or a template is refused if the API server would refuse it.
    Pods that run and claims that are allocated have been accepted, by the API server of their cluster.

    Raises: HttpError, 422. Cost: O(values of the object), with pauses.
    """
    if is_to_be_placed(raw):
        return read_placed(raw, where, version)
    item = read_object(raw, where)
    if isinstance(item, ResourceClaim | ResourceClaimTemplate):
        from app.manifests.validation.unseen import claim_refusals  # noqa: PLC0415 - as in read_placed

        _refuse(raw, where, claim_refusals(raw))
    return item


def _refuse(raw: Any, where: str, problems: Iterator[tuple[tuple[str | int, ...], str]]) -> None:
    """Refuses an object for its first problem, if it has one. Raises: HttpError, 422."""
    for path, message in islice(problems, 1):
        raise invalid_object(ObjectError(ref_of(raw), path_text(path), message), where)
