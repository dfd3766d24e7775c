"""``convert`` changes the lines that have to change, and no other: whatever stands "
"between and behind them."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.cli.rewrite import Target, rewrite
from app.core.model.versions import to_v1
from app.manifests.reader import ManifestError, load_manifests

OLD = st.sampled_from(["resource.k8s.io/v1beta1", '"resource.k8s.io/v1beta1"', "'resource.k8s.io/v1beta2'"])
COMMENT = st.sampled_from(["", "", "# why", "# a: b", "#", "# exactly:"])
Draw = Callable[[st.SearchStrategy[str]], str]


@dataclass
class Page:
    """Lines before and after, written side by side, with comments wherever there may be some."""

    draw: Draw
    before: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)

    def kept(self, line: str) -> None:
        self._comment(len(line) - len(line.lstrip()), 0)
        self._both(line, line)

    def moved(self, line: str, step: int) -> None:
        """A line that stands further in or out afterwards; a comment above it goes along."""
        indent = len(line) - len(line.lstrip())
        self._comment(indent, step)
        self._both(line, " " * (indent + step) + line.lstrip())

    def became(self, line: str, new: str) -> None:
        self._comment(len(line) - len(line.lstrip()), 0)
        self._both(line, new)

    def gone(self, line: str) -> None:
        self.before.append(line)

    def new(self, line: str) -> None:
        self.after.append(line)

    def _both(self, line: str, new: str) -> None:
        tail = self.draw(COMMENT)
        self.before.append(f"{line}  {tail}" if tail else line)
        self.after.append(f"{new}  {tail}" if tail else new)

    def _comment(self, indent: int, step: int) -> None:
        text = self.draw(COMMENT)
        if text:
            self.before.append(f"{' ' * indent}{text}")
            self.after.append(f"{' ' * (indent + step)}{text}")


def head(page: Page, kind: str) -> None:
    version = page.draw(OLD)
    quote = version[0] if version[0] in "\"'" else ""
    page.became(f"apiVersion: {version}", f"apiVersion: {quote}resource.k8s.io/v1{quote}")
    page.kept(f"kind: {kind}")
    page.kept("metadata:")
    page.kept(page.draw(st.sampled_from(["  name: a", '  name: "a"', "  {name: a}"])))
    page.kept("spec:")


def claim(page: Page) -> None:
    head(page, "ResourceClaim")
    page.kept("  devices:")
    page.kept("    requests:")
    for name in ("first", "second"):
        page.kept(f"    - name: {name}")
        if page.draw(st.sampled_from(["flat", "nested"])) == "nested":
            page.kept("      exactly:")
            page.kept("        deviceClassName: gpu")
            continue
        # What stands above the first line that moves is above `exactly` then.
        page._comment(6, 0)
        page.new("      exactly:")
        page._both("      deviceClassName: gpu", "        deviceClassName: gpu")
        page.moved("      selectors:", 2)
        dash = page.draw(st.sampled_from(["      - ", "        - "]))
        page.moved(f"{dash}cel:", 2)
        page.moved(f"{' ' * len(dash)}  expression: device.driver == 'x' # not a comment of CEL", 2)
        if page.draw(st.sampled_from(["", "block"])):
            page.moved(f"{dash}cel: {{expression: 'a", 2)
            page.before[-1] = page.before[-1].partition("  #")[0]
            page.after[-1] = page.after[-1].partition("  #")[0]
            page.before.append(f"{' ' * len(dash)}   b'}}")
            page.after.append(f"{' ' * len(dash)}     b'}}")
        page.moved("      count: 2", 2)


def slices(page: Page) -> None:
    head(page, "ResourceSlice")
    page.kept("  driver: d.example.com")
    page.kept("  pool: {name: n, generation: 1, resourceSliceCount: 1}")
    if page.draw(st.sampled_from(["", "empty"])):
        page.gone('  nodeName: ""')
    page.kept("  devices:")
    for name in ("a", "b"):
        page.kept(f"  - name: {name}")
        if page.draw(st.sampled_from(["basic", ""])):
            page.gone("    basic:")
            page.moved("      attributes:", -2)
            page.moved("        model: {string: x}", -2)
            page.moved("      capacity: {memory: {value: 1Gi}}", -2)


def job(page: Page) -> None:
    page.kept("apiVersion: batch/v1")
    page.kept("kind: Job")
    page.kept("metadata: {name: j}")
    page.kept("spec:")
    page.kept("  template:")
    page.kept("    spec:")
    if page.draw(st.sampled_from(["", "wrong"])):
        page.became("      restartPolicy: Always", "      restartPolicy: Never")
    else:
        page._comment(6, 0)
        page.new("      restartPolicy: Never")
    page._both("      containers:", "      containers:")
    page.kept("      - {name: c, image: x}")
    page.kept("      resourceClaims:")
    page.kept("      - name: g")
    page.gone("        source:")
    page.moved("          resourceClaimTemplateName: t", -2)


def other(page: Page) -> None:
    page.kept("apiVersion: v1")
    page.kept("kind: ConfigMap")
    page.kept("metadata: {name: m}")
    page.kept("data: {resourceSlice: 'apiVersion: resource.k8s.io/v1beta1'}")


@st.composite
def pages(draw: st.DrawFn) -> tuple[str, str]:
    page = Page(draw)
    parts = draw(st.lists(st.sampled_from([claim, slices, job, other]), min_size=1, max_size=4))
    for text in draw(st.sampled_from([[], ["# Copyright", "# License", "---"], ["---"], ["", "# c"]])):
        page.before.append(text)
        page.after.append(text)
    for number, part in enumerate(parts):
        if number:
            page.kept("---")
        part(page)
    page.kept("# the end")
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    end = draw(st.sampled_from(["", newline]))
    return newline.join(page.before) + end, newline.join(page.after) + end


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(pages())
def test_only_the_lines_that_have_to_change_do(page: tuple[str, str]) -> None:
    before, after = page

    changed, notes = rewrite(before.encode(), "page.yaml")

    assert changed == after
    assert bool(notes) == (before != after)
    assert rewrite(changed.encode(), "page.yaml") == (changed, [])


CLAIM = "apiVersion: resource.k8s.io/v1\nkind: ResourceClaim\nmetadata: {name: c}\nspec:\n  devices:\n"
SLICE = (
    "apiVersion: resource.k8s.io/v1\nkind: ResourceSlice\nmetadata: {name: s}\nspec:\n  driver: d\n"
    "  nodeName: n\n  pool: {name: n, generation: 1, resourceSliceCount: 1}\n  devices:\n"
)
FORMS = {
    "a request in flow style": (
        f"{CLAIM}    requests: [{{name: a, deviceClassName: gpu, count: 2}}]  # both\n",
        f"{CLAIM}    requests: [{{name: a, exactly: {{deviceClassName: gpu, count: 2}}}}]  # both\n",
    ),
    "a request in flow style with the name between": (
        f"{CLAIM}    requests: [{{deviceClassName: gpu, name: a, count: 2}}]\n",
        f"{CLAIM}    requests: [{{exactly: {{deviceClassName: gpu, count: 2}}, name: a}}]\n",
    ),
    "a request whose name stands last": (
        f"{CLAIM}    requests:\n    - deviceClassName: gpu # class\n      # two\n"
        f"      count: 2\n      name: a\n",
        f"{CLAIM}    requests:\n    - exactly:\n        deviceClassName: gpu # class\n        # two\n"
        "        count: 2\n      name: a\n",
    ),
    "a request whose name stands between": (
        f"{CLAIM}    requests:\n    - deviceClassName: gpu\n\n      name: a # its name\n\n"
        f"      # two\n      count: 2 # !\n"
        "    - name: b\n      exactly: {deviceClassName: gpu}\n",
        f"{CLAIM}    requests:\n    - exactly:\n        deviceClassName: gpu\n        # two\n"
        f"        count: 2 # !\n\n"
        "      name: a # its name\n\n    - name: b\n      exactly: {deviceClassName: gpu}\n",
    ),
    "a block of text in a selector": (
        f"{CLAIM}    requests:\n    - name: a\n      deviceClassName: gpu\n      selectors:\n      - cel:\n"
        "          expression: |-\n            device.driver ==\n\n              'x'\n",
        f"{CLAIM}    requests:\n    - name: a\n      exactly:\n        deviceClassName: gpu\n"
        f"        selectors:\n"
        "        - cel:\n            expression: |-\n              device.driver ==\n\n                'x'\n",
    ),
    "a device whose basic stands first": (
        f"{SLICE}  - basic:\n      # of it\n      attributes: {{a: {{int: 1}}}}\n"
        f"      capacity: {{}}\n    name: d\n",
        f"{SLICE}    # of it\n  - attributes: {{a: {{int: 1}}}}\n    capacity: {{}}\n    name: d\n",
    ),
    "a device whose basic is in flow style": (
        f"{SLICE}  - name: d\n    basic: {{attributes: {{a: {{int: 1}}}}, # a\n"
        f"      capacity: {{m: {{value: 1}}}}}} # b\n",
        f"{SLICE}  - name: d\n    attributes: {{a: {{int: 1}}}} # a\n    capacity: {{m: {{value: 1}}}} # b\n",
    ),
    "a device in flow style": (
        f"{SLICE}  - {{name: d, basic: {{attributes: {{a: {{int: 1}}}},}}}}\n  - {{basic: {{}}, name: e}}\n",
        f"{SLICE}  - {{name: d, attributes: {{a: {{int: 1}}}}}}\n  - {{name: e}}\n",
    ),
    "no end of the line at the end": (
        f"{CLAIM}    requests:\n    - name: a\n      deviceClassName: gpu",
        f"{CLAIM}    requests:\n    - name: a\n      exactly:\n        deviceClassName: gpu",
    ),
    "JSON": (
        '{"apiVersion": "resource.k8s.io/v1beta1", "kind": "ResourceClaim", "metadata": {"name": "c"},\n'
        ' "spec": {"devices": {"requests": [{"name": "a", "deviceClassName": "gpu"}]}}}\n',
        '{"apiVersion": "resource.k8s.io/v1", "kind": "ResourceClaim", "metadata": {"name": "c"},\n'
        ' "spec": {"devices": {"requests": [{"name": "a", "exactly": {"deviceClassName": "gpu"}}]}}}\n',
    ),
    "JSON with tabs": (
        '{\n\t"apiVersion": "batch/v1",\n\t"kind": "Job",\n\t"metadata": {"name": "j"},\n'
        '\t"spec": {"template": {"spec": {"containers": [{"image": "i"}]}}}\n}\n',
        '{\n\t"apiVersion": "batch/v1",\n\t"kind": "Job",\n\t"metadata": {"name": "j"},\n'
        '\t"spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"image": "i"}]}}}\n}\n',
    ),
    "a list": (
        "apiVersion: v1\nkind: List\nitems:\n- apiVersion: resource.k8s.io/v1beta2 # old\n"
        "  kind: DeviceClass\n"
        "  metadata: {name: c}\n  spec: {}\n",
        "apiVersion: v1\nkind: List\nitems:\n- apiVersion: resource.k8s.io/v1 # old\n  kind: DeviceClass\n"
        "  metadata: {name: c}\n  spec: {}\n",
    ),
    "a mark at the start": (
        "\ufeffapiVersion: resource.k8s.io/v1beta2\nkind: DeviceClass\nmetadata: {name: c}\nspec: {}\n",
        "\ufeffapiVersion: resource.k8s.io/v1\nkind: DeviceClass\nmetadata: {name: c}\nspec: {}\n",
    ),
    "characters of several bytes": (
        "# Größe 漢字 😀\napiVersion: resource.k8s.io/v1beta2 # ü\nkind: DeviceClass\n"
        "metadata: {name: c}\nspec: {}\n",
        "# Größe 漢字 😀\napiVersion: resource.k8s.io/v1 # ü\nkind: DeviceClass\n"
        "metadata: {name: c}\nspec: {}\n",
    ),
    "an alias as a value": (
        f"{CLAIM}    config: []\n    requests:\n    - name: &n gpu\n      deviceClassName: *n # same\n",
        f"{CLAIM}    config: []\n    requests:\n    - name: &n gpu\n      exactly:\n"
        f"        deviceClassName: *n # same\n",
    ),
    "a claim of a template in a custom resource": (
        "apiVersion: ray.io/v1\nkind: RayCluster\nmetadata: {name: r}\nspec:\n"
        "  headGroupSpec:\n    template:\n"
        "      spec:\n        containers: [{name: c}]\n        resourceClaims:\n"
        "        - {name: g, source: {resourceClaimName: x}}\n",
        "apiVersion: ray.io/v1\nkind: RayCluster\nmetadata: {name: r}\nspec:\n"
        "  headGroupSpec:\n    template:\n"
        "      spec:\n        containers: [{name: c}]\n        resourceClaims:\n"
        "        - {name: g, resourceClaimName: x}\n",
    ),
}


@pytest.mark.parametrize(("before", "after"), FORMS.values(), ids=FORMS)
def test_forms_of_yaml(before: str, after: str) -> None:
    changed, notes = rewrite(before.encode(), "page.yaml")

    assert changed == after
    assert notes
    assert rewrite(changed.encode(), "page.yaml") == (changed, [])


RULE = (
    "kind: DeviceTaintRule\nmetadata: {name: r}\n"
    "spec: {deviceSelector: {driver: d}, taint: {key: a/b, effect: None}}\n"
)
FOR_ALL = {
    "in flow style": (
        "{taint: {key: a/b, effect: None}}",
        "{taint: {key: a/b, effect: None}, deviceSelector: {}}",
    ),
    "in block style": (
        "\n  taint: # why\n    key: a/b # its key\n    effect: None # yet\n",
        "\n  taint: # why\n    key: a/b # its key\n    effect: None # yet\n  deviceSelector: {}\n",
    ),
    "without a line end": ("\n  taint: {key: a/b}", "\n  taint: {key: a/b}\n  deviceSelector: {}"),
}
V1BETA1 = {
    "a request in block style": (
        f"{CLAIM}    requests:\n    - name: a\n      exactly: # one class\n        deviceClassName: gpu\n"
        "        count: 2 # two\n",
        f"{CLAIM}    requests:\n    - name: a\n      deviceClassName: gpu\n      count: 2 # two\n",
    ),
    "a request in flow style": (
        f"{CLAIM}    requests: [{{name: a, exactly: {{deviceClassName: gpu}}}}]\n",
        f"{CLAIM}    requests: [{{name: a, deviceClassName: gpu}}]\n",
    ),
    "alternatives": (
        f"{CLAIM}    requests:\n    - name: a\n      firstAvailable: [{{name: b, deviceClassName: gpu}}]\n",
        f"{CLAIM}    requests:\n    - name: a\n      firstAvailable: [{{name: b, deviceClassName: gpu}}]\n",
    ),
    "devices": (
        f"{SLICE}  - name: d\n    # its size\n    capacity: {{memory: {{value: 1Gi}}}}\n"
        "  - {name: e, allNodes: true}\n  - name: f\n  - {name: g}\n",
        f"{SLICE}  - name: d\n    # its size\n    basic:\n      capacity: {{memory: {{value: 1Gi}}}}\n"
        "  - {name: e, basic: {allNodes: true}}\n  - name: f\n    basic: {}\n  - {name: g, basic: {}}\n",
    ),
    "devices in JSON": (
        '{"apiVersion": "resource.k8s.io/v1", "kind": "ResourceSlice", "metadata": {"name": "s"}, "spec": '
        '{"driver": "d", "devices": [{"name": "a"}, {"name": "b", "allNodes": true}]}}',
        '{"apiVersion": "resource.k8s.io/v1", "kind": "ResourceSlice", "metadata": {"name": "s"}, "spec": '
        '{"driver": "d", "devices": [{"name": "a", "basic": {}}, '
        '{"name": "b", "basic": {"allNodes": true}}]}}',
    ),
}


@pytest.mark.parametrize(("before", "after"), V1BETA1.values(), ids=V1BETA1)
def test_the_form_of_v1beta1(before: str, after: str) -> None:
    changed, notes = rewrite(before.encode(), "page.yaml", "v1beta1")

    assert changed == after.replace("resource.k8s.io/v1", "resource.k8s.io/v1beta1")
    assert "resource.k8s.io/v1 is now resource.k8s.io/v1beta1" in notes[0]
    assert rewrite(changed.encode(), "page.yaml", "v1beta1") == (changed, [])


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(pages(), st.sampled_from(["v1beta2", "v1beta1"]))
def test_what_is_written_for_an_older_cluster_means_the_same(page: tuple[str, str], to: Target) -> None:
    older, _ = rewrite(page[0].encode(), "page.yaml", to)

    versions = {raw["apiVersion"] for raw in load_manifests(older, "page.yaml")}
    assert {text for text in versions if text.startswith("resource.k8s.io/")} <= {f"resource.k8s.io/{to}"}
    assert rewrite(older.encode(), "page.yaml", to) == (older, [])
    newest, newer = (
        [to_v1(raw) for raw in load_manifests(rewrite(text.encode(), "page.yaml")[0], "page.yaml")]
        for text in (page[0], older)
    )
    assert newest == newer


@pytest.mark.parametrize(
    ("version", "to", "expected"),
    [
        ("v1", "v1", "v1"),
        ("v1", "v1beta2", "v1alpha3"),
        ("v1", "v1beta1", "v1alpha3"),
        ("v1beta2", "v1beta2", "v1alpha3"),
        ("v1beta2", "v1beta1", "v1alpha3"),
        ("v1beta2", "v1", "v1"),
        ("v1alpha3", "v1beta1", "v1alpha3"),
        ("v1alpha3", "v1", "v1"),
    ],
)
def test_taint_rules_have_versions_of_their_own(version: str, to: Target, expected: str) -> None:
    before = f"apiVersion: resource.k8s.io/{version}\n{RULE}"
    changed, _ = rewrite(before.encode(), "page.yaml", to)
    assert changed == f"apiVersion: resource.k8s.io/{expected}\n{RULE}"


@pytest.mark.parametrize(("before", "after"), FOR_ALL.values(), ids=FOR_ALL)
def test_a_taint_rule_for_all_devices_is_one_in_v1_too(before: str, after: str) -> None:
    head = "apiVersion: resource.k8s.io/{}\nkind: DeviceTaintRule\nmetadata: {{name: r}}\nspec: {}"
    changed, notes = rewrite(head.format("v1alpha3", before).encode(), "page.yaml")
    assert changed == head.format("v1", after)
    assert "deviceSelector: {} is for all devices" in notes[1]


def test_a_taint_rule_for_no_device_has_no_form_before_v1() -> None:
    head = "apiVersion: resource.k8s.io/v1\nkind: DeviceTaintRule\n"
    text = f"{head}metadata: {{name: r}}\nspec: {{taint: {{key: a/b}}}}"
    with pytest.raises(ManifestError, match=r"page.yaml:4: .*without deviceSelector it is for no device"):
        rewrite(text.encode(), "page.yaml", "v1beta2")


@pytest.mark.parametrize("version", ["v1alpha3", "v1beta2", "v1"])
@pytest.mark.parametrize("field", ["deviceClassName: gpu", "selectors: [{cel: {expression: 'true'}}]"])
def test_a_taint_rule_that_selects_by_more_than_names_has_no_form_in_v1(version: str, field: str) -> None:
    head = f"apiVersion: resource.k8s.io/{version}\nkind: DeviceTaintRule\nmetadata: {{name: r}}\n"
    text = f"{head}spec:\n  deviceSelector: {{driver: d, {field}}}\n  taint: {{key: a/b}}\n".encode()
    name = field.partition(":")[0]
    with pytest.raises(ManifestError, match=f"page.yaml:5: .*resource.k8s.io/v1 has no {name}: select by"):
        rewrite(text, "page.yaml")
    assert rewrite(text, "page.yaml", "v1beta2")[0].encode() == text.replace(version.encode(), b"v1alpha3", 1)


@pytest.mark.parametrize("to", ["v1", "v1beta2", "v1beta1"])
def test_a_kind_that_only_a_version_of_its_own_has_keeps_it(to: Target) -> None:
    text = "apiVersion: resource.k8s.io/v1alpha3\nkind: ResourcePoolStatusRequest\nmetadata: {name: r}\n"
    assert rewrite(text.encode(), "page.yaml", to) == (text, [])


REFUSED = {
    "a request by a merge": f"{CLAIM}    config: &a {{deviceClassName: gpu}}\n"
    "    requests:\n    - name: a\n      <<: *a\n",
    "a request by an alias": f"x: &a {{name: a, deviceClassName: gpu}}\n{CLAIM}    requests: [*a]\n",
    "JSON texts one after another": '{"apiVersion": "resource.k8s.io/v1beta2", "kind": "DeviceClass", '
    '"metadata": {"name": "c"}}\n' * 2,
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_a_form_that_cannot_be_edited_is_refused_and_not_damaged(text: str) -> None:
    with pytest.raises(ManifestError, match="cannot be rewritten"):
        rewrite(text.encode(), "page.yaml")
