"""Prepares manifests for a dry run: parses and checks them, and sorts them into workloads and objects.

For clients without a YAML parser, such as the page.
"""

from typing import Any

from fastapi import APIRouter, Request
from pydantic import TypeAdapter
from starlette.responses import Response

from app.api.bodies import MAX_YAML_VALUES, read_body, read_in_slices, require_yaml, shallow
from app.api.dry_run.request_objects import read_given
from app.api.errors import HttpError
from app.api.models.body import KubernetesObject
from app.api.models.records import Documents
from app.api.responses import json_response, one_by_one
from app.api.service import ServiceOf
from app.core.model.admin_access import is_namespace
from app.core.model.generated import generated_by
from app.core.model.parse import is_read, is_to_be_placed, ref_of
from app.core.pauses import emptied
from app.core.versions import KubernetesVersion
from app.manifests.reader import load_manifests

router = APIRouter(prefix="/api/v1", tags=["dry runs"])

_MAX_OBJECTS = 5000
_OBJECT = TypeAdapter(KubernetesObject).json_schema()


@router.post(
    "/documents",
    operation_id="parseDocuments",
    response_model=Documents,
    openapi_extra={
        "requestBody": {
            "description": "Manifests as `application/yaml`: one document or several, of any kind. In JSON "
            "one object, which may be a List.",
            "required": True,
            "content": {"application/json": {"schema": _OBJECT}},
        }
    },
    summary="Parse manifests (YAML or JSON, several documents) into the objects of a dry run",
)
async def documents(request: Request, service: ServiceOf) -> Response:
    settings = service.settings
    body = await read_body(request, settings.api_body_bytes, settings.body_timeout_seconds)
    require_yaml(request)
    async with service.expensive(request) as work:
        found = await read_in_slices(
            lambda: [shallow(item) for item in load_manifests(body, "manifests", MAX_YAML_VALUES)],
            work.time_slice,
            work.stop,
        )
        maps = [item for item in found if isinstance(item, dict)]
        work.leftovers.append(lambda: emptied(*maps, found))
        if len(found) > _MAX_OBJECTS:
            raise HttpError(422, "TooManyObjects", f"{len(found)} objects exceed the limit of {_MAX_OBJECTS}")
        version = service.rules.features.version
        items = (_item(raw, f"manifests[{index}]", version) for index, raw in enumerate(found))
        return json_response({"items": await work.run(lambda: one_by_one(items))})


def _item(raw: Any, where: str, version: KubernetesVersion) -> dict[str, Any]:
    ref = ref_of(raw)
    role = "object" if is_namespace(raw) or next(generated_by(raw), None) is not None else "ignored"
    if is_read(raw):
        role = "workload" if is_to_be_placed(raw) else "object"
        read_given(raw, where, version)
    return {
        "kind": ref.kind,
        "namespace": ref.namespace,
        "name": ref.name,
        "role": role,
        "object": raw,
    }
