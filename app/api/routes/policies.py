"""The scoring policies."""

from fastapi import APIRouter
from starlette.responses import Response

from app.api.models.records import Policies
from app.api.responses import json_response
from app.api.service import ServiceOf
from app.core.scoring.policies import POLICIES

router = APIRouter(prefix="/api/v1", tags=["dry runs"])


@router.get(
    "/policies",
    operation_id="listPolicies",
    response_model=Policies,
    summary="Scoring policies, and the default one",
)
async def policies(service: ServiceOf) -> Response:
    items = [
        {"name": name, "summary": (policy.__doc__ or name).partition("\n")[0]}
        for name, policy in POLICIES.items()
    ]
    return json_response({"default": service.rules.policy, "items": items})
