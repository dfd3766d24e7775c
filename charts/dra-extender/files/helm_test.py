"""What `helm test` runs: the extender is ready, and answers a dry run."""

import json
import sys
import urllib.request

base = sys.argv[1]

with urllib.request.urlopen(f"{base}/readyz?verbose", timeout=10) as answer:
    print(answer.read().decode())

question = {
    "inventory": "request",
    "objects": [{"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node"}}],
    "pods": [{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pod"}, "spec": {"containers": []}}],
}
request = urllib.request.Request(
    f"{base}/api/v1/placements",
    data=json.dumps(question).encode(),
    headers={"Content-Type": "application/json"},
)
with urllib.request.urlopen(request, timeout=10) as answer:
    result = json.load(answer)
print(json.dumps(result))
sys.exit(0 if result["placed"] == 1 else 1)
