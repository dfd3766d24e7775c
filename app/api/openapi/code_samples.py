"""Examples in three languages, as ``x-codeSamples`` of the OpenAPI document.

For the page at /docs and for docs/api.md, whose examples the tests run. Generators of clients ignore them.
"""

import json
import re
from typing import Any

from app.api.line_stream import LINES
from app.core.json_object import JsonObject

ADDRESS = "http://127.0.0.1:8888"

_PYTHON = """\
import httpx

body = {body}
answer = httpx.post("{url}", json=body, timeout=70)
answer.raise_for_status()
print(answer.text)
"""

_PYTHON_LINES = """\
import json

import httpx

headers = {{"Accept": "{lines}"}}
with httpx.stream("GET", "{url}", headers=headers) as answer:
    answer.raise_for_status()
    for line in answer.iter_lines():
        item = json.loads(line)
        if "error" in item:
            raise SystemExit(item["error"]["message"])
        print(json.dumps(item))
"""

_GO = """\
package main

import (
\t"io"
\t"log"
\t"net/http"
\t"os"
\t"strings"
)

const body = `{body}`

func main() {{
\tanswer, err := http.Post("{url}", "application/json", strings.NewReader(body))
\tif err != nil {{
\t\tlog.Fatal(err)
\t}}
\tif answer.StatusCode != http.StatusOK {{
\t\tlog.Fatal(answer.Status)
\t}}
\tif _, err := io.Copy(os.Stdout, answer.Body); err != nil {{
\t\tlog.Fatal(err)
\t}}
}}
"""

_GO_LINES = """\
package main

import (
\t"encoding/json"
\t"log"
\t"net/http"
\t"os"
)

func main() {{
\trequest, err := http.NewRequest(http.MethodGet, "{url}", nil)
\tif err != nil {{
\t\tlog.Fatal(err)
\t}}
\trequest.Header.Set("Accept", "{lines}")
\tanswer, err := http.DefaultClient.Do(request)
\tif err != nil {{
\t\tlog.Fatal(err)
\t}}
\tif answer.StatusCode != http.StatusOK {{
\t\tlog.Fatal(answer.Status)
\t}}
\titems, out := json.NewDecoder(answer.Body), json.NewEncoder(os.Stdout)
\tfor items.More() {{
\t\tvar item map[string]any
\t\tif err := items.Decode(&item); err != nil {{
\t\t\tlog.Fatal(err)
\t\t}}
\t\tif problem, failed := item["error"]; failed {{
\t\t\tlog.Fatal(problem)
\t\t}}
\t\tif err := out.Encode(item); err != nil {{
\t\t\tlog.Fatal(err)
\t\t}}
\t}}
}}
"""


def add_code_samples(document: dict[str, Any]) -> None:
    """Adds samples to each operation that has an example of its body, and to the longest of the lists."""
    for path, methods in document["paths"].items():
        for operation in methods.values():
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            if "example" in body:
                operation["x-codeSamples"] = _posting(path, body["example"])
            elif operation["operationId"] == "listDevices":
                operation["x-codeSamples"] = _reading_lines(path)


def _posting(path: str, example: JsonObject) -> list[JsonObject]:
    url, text = ADDRESS + path, json.dumps(example, separators=(",", ":"))
    return [
        _sample("sh", "curl", f"curl -s {url} -H 'Content-Type: application/json' -d '{text}'\n"),
        _sample("python", "Python", _PYTHON.format(url=url, body=_in_python(example))),
        _sample("go", "Go", _GO.format(url=url, body=json.dumps(example, indent=2))),
    ]


def _in_python(example: JsonObject) -> str:
    """As formatters write it, with a comma after each value. For texts and numbers only."""
    return re.sub(r"(?<![\[{,])\n", ",\n", json.dumps(example, indent=4))


def _reading_lines(path: str) -> list[JsonObject]:
    url = ADDRESS + path
    return [
        _sample("sh", "curl", f"curl -sN {url} -H 'Accept: {LINES}'\n"),
        _sample("python", "Python", _PYTHON_LINES.format(url=url, lines=LINES)),
        _sample("go", "Go", _GO_LINES.format(url=url, lines=LINES)),
    ]


def _sample(language: str, label: str, source: str) -> JsonObject:
    return {"lang": language, "label": label, "source": source}
