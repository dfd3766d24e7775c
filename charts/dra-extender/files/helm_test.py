"""The program of `helm test`: an extender is ready, and answers a dry run or requires authentication."""

import json
import ssl
import sys
import urllib.error
import urllib.request

base = sys.argv[1]
trust = ssl.create_default_context(cafile=sys.argv[2]) if len(sys.argv) > 2 else None

# The Service may lead to any replica, and those that do not lead answer as well.
try:
    with urllib.request.urlopen(f"{base}/readyz?verbose&exclude=leader", timeout=10, context=trust) as answer:
        print(answer.read().decode())
except urllib.error.HTTPError as error:
    sys.exit(error.read().decode())
except OSError as error:
    sys.exit(f"{base} cannot be reached: {error}")

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
try:
    with urllib.request.urlopen(request, timeout=10, context=trust) as answer:
        result = json.load(answer)
except urllib.error.HTTPError as error:
    print(error.read().decode())
    sys.exit(0 if error.code == 401 else 1)
print(json.dumps(result))
sys.exit(0 if result["placed"] == 1 else 1)
