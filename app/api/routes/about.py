"""The version of this program, and that of the cluster."""

from fastapi import APIRouter
from starlette.responses import Response

from app.api.models.records import VersionRecord
from app.api.program_version import program_version
from app.api.responses import json_response
from app.api.service import ServiceOf

router = APIRouter(prefix="/api/v1", tags=["operation"])


@router.get(
    "/version",
    operation_id="getVersion",
    response_model=VersionRecord,
    summary="Version of this program and of the cluster",
)
async def version(service: ServiceOf) -> Response:
    cluster = service.kubernetes
    kubernetes = {
        "server": cluster.server,
        "version": str(cluster.version),
        "gates": "defaults" if cluster.gates is None else "reported",
        "changedGates": cluster.changed_gates,
        "features": service.rules.features.switches,
    }
    return json_response({"version": program_version(), "kubernetes": kubernetes})
