"""What `helm test` runs: the extender is ready, and answers a dry run."""

import json
import sys
import urllib.request

base = sys.argv[1]

with urllib.request.urlopen(f"{base}/readyz?verbose", timeout=10) as answer:  # noqa: S310  # the Service's own URL
    print(answer.read().decode())  # noqa: T201  # shown by helm test --logs

question = {
    "inventory": "request",
    "objects": [{"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node"}}],
    "pods": [{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pod"}, "spec": {"containers": []}}],
}
request = urllib.request.Request(  # noqa: S310  # as above
    f"{base}/api/v1/placements",
    data=json.dumps(question).encode(),
    headers={"Content-Type": "application/json"},
)
with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  # as above
    result = json.load(answer)
print(json.dumps(result))  # noqa: T201  # as above
sys.exit(0 if result["placed"] == 1 else 1)
