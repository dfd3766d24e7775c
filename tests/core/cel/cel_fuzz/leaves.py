# ruff: noqa: E501 - a grammar reads better with a production a line
"""Random literals and selections."""

from random import Random

from cel_fuzz.words import BYTES, DEVICE, DOUBLES, INTS, READABLE, STRINGS, UINTS

_ATTRIBUTES = tuple(DEVICE["attributes"])
_CAPACITIES = tuple(DEVICE["capacity"])
_OTHERS = (
    "device", "device", "list{}", "null_type{}", "kubernetes.DRADevice{}", 'kubernetes.DRADevice{driver: "a"}.driver',
    "kubernetes.DRADevice{attributes: device.attributes}", "kubernetes.DRADevice{}.nosuch", "device.attributes", "device.capacity", 'device.attributes["gpu.example.com"]',
    'device.capacity["gpu.example.com"]', "device.nosuch", "nosuch", 'device.attributes[?"nosuch"]',
    'has(device.attributes["gpu.example.com"].missing)', "has(device.attributes.x)",
    'has(device.attributes["gpu.example.com"].model)', 'device.attributes["gpu.example.com"].?missing',
)  # fmt: skip
# By the type's name; #name stands for a text that the function of that name can mostly read.
_LEAVES: dict[str, tuple[str, ...]] = {
    "int": INTS,
    "uint": UINTS,
    "double": DOUBLES,
    "bytes": BYTES,
    "bool": ("true", "false", "device.allowMultipleAllocations"),
    "null_type": ("null",),
    "type": ("int", "string", "type", "list", "map", "net.IP", "null_type", "google.protobuf.Duration",
             "optional_type"),
    "google.protobuf.Duration": ("duration(#duration)",),
    "google.protobuf.Timestamp": ("timestamp(#timestamp)", "timestamp(1577836800)",
                                  'timestamp("2024-02-29T01:02:03.004Z")', 'timestamp("2000-01-01T00:00:00-08:00")'),
    "kubernetes.Quantity": ("quantity(#quantity)", "#capacity", 'quantity("1Gi")'),
    "kubernetes.Semver": ("semver(#semver)", 'semver("1.2.3")', "semver(#normalized, true)", "#version"),
    "net.IP": ("ip(#ip)", 'ip("10.0.0.1")', 'ip("::1")'),
    "net.CIDR": ("cidr(#cidr)", 'cidr("10.0.0.0/8")'),
    "kubernetes.URL": ("url(#url)", 'url("https://example.com:8080/p?q=1")'),
    "kubernetes.NamedFormat": ("format.dns1123Label()", "format.uri()", "format.date()", "format.qualifiedName()"),
}  # fmt: skip


class Leaves:
    """Expressions without parts."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def string(self) -> str:
        """A text in one of the ways to quote it."""
        text = self._random.choice(STRINGS)
        if "\\" in text:
            return f'"{text}"' if self._random.random() < 0.8 else f'r"{text}"'
        return self._random.choice(('"{}"', "'{}'", 'r"{}"', '"""{}"""')).format(text)

    def readable(self, function: str) -> str:
        """A text that the function can read, most of the time."""
        if function not in READABLE or self._random.random() < 0.1:
            return self.string()
        return f'"{self._random.choice(READABLE[function])}"'

    def of(self, name: str) -> str:
        """A leaf of the type with this name; of texts there are many."""
        if name not in _LEAVES:
            return "device.driver" if self._random.random() < 0.1 else self.string()
        leaf = self._random.choice(_LEAVES[name])
        if leaf == "#capacity":
            return self.member("capacity", self._random.choice(_CAPACITIES))
        if leaf == "#version":
            return self.member("attributes", "version")
        before, mark, rest = leaf.partition("#")
        if not mark:
            return leaf
        end = next(at for at, char in enumerate(rest) if char in ",)")
        return before + self.readable(rest[:end]) + rest[end:]

    def member(self, kind: str, name: str) -> str:
        """An attribute or a capacity, sometimes one that is not there."""
        domain, _, identifier = name.rpartition("/")
        domain = domain or "gpu.example.com"
        if self._random.random() < 0.05:
            identifier = "missing"
        if self._random.random() < 0.05:
            domain = "nosuch.example.com"
        style = self._random.random()
        if style < 0.75:
            return f'device.{kind}["{domain}"].{identifier}'
        if style < 0.85:
            return f'device.{kind}["{domain}"]["{identifier}"]'
        return f'device.{kind}["{domain}"].?{identifier}.orValue({self.string()})'

    def attribute(self) -> str:
        """An attribute, or another part of the device."""
        if self._random.random() < 0.1:
            return self._random.choice(_OTHERS)
        return self.member("attributes", self._random.choice(_ATTRIBUTES))
