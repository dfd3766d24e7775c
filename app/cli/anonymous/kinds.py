"""What is copied of each kind: the fields that app.core.model reads."""

from collections.abc import Mapping

from app.cli.anonymous.fields import (
    Copy,
    attributes,
    emptied,
    keep,
    keyed,
    label_key,
    label_value,
    labels,
    many,
    mapping_of,
    name,
    obj,
    path,
)
from app.cli.anonymous.pseudonyms import NODE

_POD, _CLAIM, _TEMPLATE, _CLASS, _GROUP = "pod", "claim", "template", "class", "group"
_POD_CLAIM, _REQUEST, _POOL, _DEVICE, _UID = "pod-claim", "request", "pool", "device", "uid"
_ANNOTATIONS = mapping_of(
    {
        "dra-extender/policy": keep,
        "resource.kubernetes.io/extended-resource-claim": keep,
        "resource.kubernetes.io/pod-claim-name": name(_POD_CLAIM),
        "kubernetes.io/config.mirror": name(_UID),
    }
)
_OWNER = obj(apiVersion=keep, kind=keep, name=name("owner"), uid=name(_UID), controller=keep)


def _meta(category: str) -> Copy:
    return obj(
        name=name(category),
        generateName=name(category),
        namespace=name("namespace"),
        uid=name(_UID),
        labels=labels,
        annotations=_ANNOTATIONS,
        finalizers=keep,
        ownerReferences=many(_OWNER),
        creationTimestamp=keep,
        deletionTimestamp=keep,
    )


_TAINT = obj(key=label_key, value=label_value, effect=keep, timeAdded=keep)
_TOLERATION = obj(key=label_key, operator=keep, value=label_value, effect=keep, tolerationSeconds=keep)
_REQUIREMENT = obj(key=label_key, operator=keep, values=many(label_value))
_ON_NODE = obj(key=label_key, operator=keep, values=many(name(NODE)))
_TERM = obj(matchExpressions=many(_REQUIREMENT), matchFields=many(_ON_NODE))
_NODE_SELECTOR = obj(nodeSelectorTerms=many(_TERM))
_CONFIG = obj(requests=many(path(_REQUEST)), source=keep, opaque=obj(driver=keep, parameters=emptied))
_CONSTRAINT = obj(requests=many(path(_REQUEST)), matchAttribute=keep, distinctAttribute=keep)
_SPEC: dict[str, Copy] = {
    "deviceClassName": name(_CLASS),
    "selectors": keep,
    "allocationMode": keep,
    "count": keep,
    "adminAccess": keep,
    "tolerations": many(_TOLERATION),
    "capacity": keep,
    "derivedAttributes": keep,
}
_REQUEST_SPEC = mapping_of(_SPEC)
_REQUEST_FIELDS = mapping_of(
    {
        "name": name(_REQUEST),
        "exactly": _REQUEST_SPEC,
        "firstAvailable": many(mapping_of(_SPEC | {"name": name(_REQUEST)})),
    }
)
_CLAIM_SPEC = obj(
    devices=obj(requests=many(_REQUEST_FIELDS), constraints=many(_CONSTRAINT), config=many(_CONFIG))
)
_RESULT = obj(
    request=path(_REQUEST),
    driver=keep,
    pool=name(_POOL),
    device=name(_DEVICE),
    adminAccess=keep,
    tolerations=many(_TOLERATION),
    bindingConditions=keep,
    bindingFailureConditions=keep,
    shareID=keep,
    consumedCapacity=keep,
)
_ALLOCATION = obj(
    devices=obj(results=many(_RESULT), config=many(_CONFIG)),
    nodeSelector=_NODE_SELECTOR,
    allocationTimestamp=keep,
)
_CONDITION = obj(type=keep, status=keep, reason=keep, lastTransitionTime=keep, observedGeneration=keep)
_DEVICE_STATUS = obj(
    driver=keep, pool=name(_POOL), device=name(_DEVICE), shareID=keep, conditions=many(_CONDITION)
)
_CONSUMER = obj(apiGroup=keep, resource=keep, name=name(_POD), uid=name(_UID))
_DEVICE_FIELDS: dict[str, Copy] = {
    "name": name(_DEVICE),
    "attributes": attributes,
    "capacity": keep,
    "consumesCounters": keep,
    "nodeName": name(NODE),
    "nodeSelector": _NODE_SELECTOR,
    "allNodes": keep,
    "taints": many(_TAINT),
    "bindsToNode": keep,
    "bindingConditions": keep,
    "bindingFailureConditions": keep,
    "allowMultipleAllocations": keep,
    "compatibilityGroups": keep,
    "nodeAllocatableResourceMappings": keep,
    "nodeAllocatableResources": keep,
}
_POD_CLAIMS = many(
    obj(
        name=name(_POD_CLAIM),
        resourceClaimName=name(_CLAIM),
        resourceClaimTemplateName=name(_TEMPLATE),
    )
)
_CLAIM_STATUSES = many(obj(name=name(_POD_CLAIM), resourceClaimName=name(_CLAIM)))
_CONTAINER = obj(
    name=name("container"),
    restartPolicy=keep,
    resources=obj(
        requests=keep, limits=keep, claims=many(obj(name=name(_POD_CLAIM), request=path(_REQUEST)))
    ),
)
_PREFERENCE = obj(weight=keep, preference=_TERM)
_AFFINITY = obj(
    nodeAffinity=obj(
        requiredDuringSchedulingIgnoredDuringExecution=_NODE_SELECTOR,
        preferredDuringSchedulingIgnoredDuringExecution=many(_PREFERENCE),
    )
)
_EXTENDED = obj(
    resourceClaimName=name(_CLAIM),
    requestMappings=many(obj(containerName=name("container"), resourceName=keep, requestName=path(_REQUEST))),
)
_AMOUNTS = obj(
    resourceClaimName=name(_CLAIM), containers=many(name("container")), mapping=keep, overhead=keep
)
_LABEL_SELECTOR = obj(matchLabels=labels, matchExpressions=many(_REQUIREMENT))


def _kind(category: str, **parts: Copy) -> Copy:
    return obj(apiVersion=keep, kind=keep, metadata=_meta(category), **parts)


KINDS: Mapping[str, Copy] = {
    "Node": _kind(
        NODE,
        spec=obj(unschedulable=keep, taints=many(_TAINT)),
        status=obj(allocatable=keep, capacity=keep, declaredFeatures=keep),
    ),
    "ResourceSlice": _kind(
        "slice",
        spec=obj(
            driver=keep,
            nodeName=name(NODE),
            nodeSelector=_NODE_SELECTOR,
            allNodes=keep,
            perDeviceNodeSelection=keep,
            skipNodeOperations=keep,
            pool=obj(name=name(_POOL), generation=keep, resourceSliceCount=keep),
            devices=many(mapping_of(_DEVICE_FIELDS)),
            sharedCounters=keep,
        ),
    ),
    "DeviceClass": _kind(_CLASS, spec=obj(selectors=keep, config=many(_CONFIG), extendedResourceName=keep)),
    "DeviceTaintRule": _kind(
        "rule",
        spec=obj(
            deviceSelector=obj(
                driver=keep,
                pool=name(_POOL),
                device=name(_DEVICE),
                deviceClassName=name(_CLASS),
                selectors=keep,
            ),
            taint=_TAINT,
        ),
    ),
    "ResourceClaim": _kind(
        _CLAIM,
        spec=_CLAIM_SPEC,
        status=obj(allocation=_ALLOCATION, reservedFor=many(_CONSUMER), devices=many(_DEVICE_STATUS)),
    ),
    "ResourceClaimTemplate": _kind(
        _TEMPLATE, spec=obj(metadata=obj(labels=labels, annotations=_ANNOTATIONS), spec=_CLAIM_SPEC)
    ),
    "Pod": _kind(
        _POD,
        spec=obj(
            nodeName=name(NODE),
            schedulerName=name("scheduler"),
            priority=keep,
            preemptionPolicy=keep,
            resourceClaims=_POD_CLAIMS,
            containers=many(_CONTAINER),
            initContainers=many(_CONTAINER),
            resources=keep,
            overhead=keep,
            nodeSelector=labels,
            affinity=_AFFINITY,
            tolerations=many(_TOLERATION),
            schedulingGates=many(obj(name=name("gate"))),
            schedulingGroup=obj(podGroupName=name(_GROUP)),
        ),
        status=obj(
            phase=keep,
            startTime=keep,
            nominatedNodeName=name(NODE),
            conditions=many(_CONDITION),
            resourceClaimStatuses=_CLAIM_STATUSES,
            extendedResourceClaimStatus=_EXTENDED,
            nodeAllocatableResourceClaimStatuses=many(_AMOUNTS),
        ),
    ),
    "PodGroup": _kind(
        _GROUP,
        spec=obj(schedulingPolicy=keep, resourceClaims=_POD_CLAIMS),
        status=obj(resourceClaimStatuses=_CLAIM_STATUSES),
    ),
    "PodDisruptionBudget": _kind(
        "budget",
        spec=obj(selector=_LABEL_SELECTOR),
        status=obj(disruptionsAllowed=keep, disruptedPods=keyed(_POD, keep)),
    ),
}
"""Other kinds are left out."""
