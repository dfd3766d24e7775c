# ruff: noqa: E501, S104 - tables
"""Devices and literals that random expressions are made of."""

from typing import Any

DEVICE: dict[str, Any] = {
    "driver": "gpu.example.com",
    "allowMultipleAllocations": True,
    "attributes": {
        "model": {"string": "a100"}, "index": {"int": 3}, "neg": {"int": -7}, "big": {"int": 2**63 - 1},
        "healthy": {"bool": True}, "off": {"bool": False}, "version": {"version": "1.10.0-rc.1+b5"},
        "other.example.com/model": {"string": "ünï"}, "other.example.com/version": {"version": "2.0.0"},
        "models": {"strings": ["a", "b", "a100"]}, "sizes": {"ints": [1, 2, 3]}, "flags": {"bools": [True, False]},
        "versions": {"versions": ["1.0.0", "2.1.0"]}, "ip": {"string": "10.1.2.3"}, "empty": {"string": ""},
    },
    "capacity": {
        "memory": {"value": "40Gi"}, "cores": {"value": "108"}, "milli": {"value": "1500m"},
        "other.example.com/memory": {"value": "1e3"}, "huge": {"value": "99999999999999999999"},
    },
}  # fmt: skip
BARE: dict[str, Any] = {"driver": "gpu.example.com"}
LIST_KINDS = frozenset({"strings", "ints", "bools", "versions"})

STRINGS = (
    "", "a", "abc", "a100", "ünï", "gpu.example.com", "x-y_z", "  pad ", "A,b,C", "1", "-5", "0x1", "1.5", "1e3",
    "NaN", "-Infinity", "true", "False", "9223372036854775808", "1Gi", "500m", "1.5Ki", "0.1n", "1e400", "+5k", ".5",
    "1.2.3", "v1.2", "1.2.3-a.1+b", "01.2.3", "1.2", "18446744073709551615.0.0", "10.0.0.1", "::1", "::ffff:1.2.3.4",
    "fe80::1%eth0", "2001:db8::1", "224.0.0.5", "10.0.0.0/8", "10.1.2.3/16", "::/0", "1.2.3.4/33", "10.0.0.0/08",
    "https://u:p@example.com:8080/a/b?k=v&k=w#f", "http://[::1]:80/%7Efoo?x", "/path?q=1;2", "mailto:a@b", "http://a b",
    "https://ex.com:1:2", "//host/x", "2024-02-29", "2023-02-29T00:00:00Z", "2024-02-29T23:59:59.123456789+05:30",
    "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "1h30m", "-1.5s", "300ms", "1d", "2562048h", "UTC",
    "America/New_York", "-08:00", "05:90", "Nowhere/X", "dns1123Label", "uuid", "date", "labelValue", "uri",
    "123e4567-e89b-12d3-a456-426614174000", "aGVsbG8=", "my-name", "my.name", "example.com/MyName", "a-", "-a",
    "%s", "%d-%x", "%.2f", "%e", "%b%%", "%o", "%", "%q", "(a+)+$", "[a-z]+", "^a.*0$", "(", "a{1001}", "\\\\d+",
    "a|b", "(?i)A", "\\\\pL", "\\\\Q.\\\\E", ".", "(?P<n>a)",
)  # fmt: skip
# Texts that the functions before the parenthesis can read, most of them.
READABLE = {
    "quantity": (
        "1Gi",
        "500m",
        "1.5Ki",
        "0.1n",
        "+5k",
        ".5",
        "1e3",
        "40Gi",
        "99999999999999999999",
        "-2",
        "0",
        "1e-3",
    ),
    "semver": ("1.2.3", "1.2.3-a.1+b", "1.10.0", "2.0.0-rc.1", "0.0.0", "18446744073709551615.0.0"),
    "normalized": (
        "v1.2.3",
        "1.2",
        "v1",
        "01.02.03",
        "1.0.0-01",
        " 1.2.3",
        "v01.2-a",
        "1.2.3.4",
        "V1.2.3",
        "1.2+b",
    ),
    "ip": (
        "10.0.0.1",
        "::1",
        "2001:db8::1",
        "224.0.0.5",
        "127.0.0.1",
        "169.254.1.1",
        "2001:DB8::1",
        "0.0.0.0",
    ),
    "cidr": ("10.0.0.0/8", "10.1.2.3/16", "::/0", "2001:db8::/32", "10.1.0.0/24"),
    "url": (
        "https://u:p@example.com:8080/a/b?k=v&k=w#f",
        "http://[::1]:80/%7Efoo?x",
        "/path?q=1;2",
        "https://é.com/ü",
    ),
    "duration": ("1h30m", "-1.5s", "300ms", "1us", "0", "2540400h", "1.000000001s"),
    "timestamp": ("2024-02-29T23:59:59.123456789+05:30", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"),
    "int": ("1", "-5", "+7"),
    "uint": ("1", "18446744073709551615"),
    "double": ("1.5", "NaN", "-Infinity", "1e3", "0x1p-2", "1_0"),
    "bool": ("true", "False", "t", "0"),
}
# Verbs of format(), and the types they take.
VERBS = {
    "%s": ("any",), "%d": ("int", "uint", "double"), "%f": ("double", "int", "uint"), "%.3f": ("double", "int"), "%e": ("double", "uint"),
    "%.0e": ("double",), "%b": ("int", "uint", "bool"), "%o": ("int", "uint"), "%x": ("int", "uint", "string", "bytes"),
    "%X": ("int", "uint", "string", "bytes"), "%.20f": ("double",), "%q": ("any",),
}  # fmt: skip
ACCESSORS = frozenset({"getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear", "getFullYear", "getHours",
                       "getMilliseconds", "getMinutes", "getMonth", "getSeconds"})  # fmt: skip
ZONES = ("UTC", "America/New_York", "-08:00", "05:30", "+01:00", "Asia/Kolkata", "Australia/Lord_Howe", "Etc/GMT+12",
         "", "05:90", "Nowhere/X", "Local", "24:00", "-23:59", "1:2", "Europe/Dublin", "utc", "CET")  # fmt: skip
PATTERNED = frozenset({"matches", "find", "findAll"})
PATTERNS = ("(a+)+$", "[a-z]+", "^a.*0$", "a|b", "(?i)A", "\\\\d+", "\\\\pL", "\\\\bgpu", ".", "", "(?P<n>a)", "[^a]", "a{2}", "(?s).*",
            "(?U)a+", "x*", "\\\\x{fc}", "[[:alpha:]]", "(", "a{1001}", "a**", "(?=a)", "\\\\1", "(?<n>a)", "[z-a]", "\\\\C")  # fmt: skip
INTS = ("0", "1", "2", "-1", "3", "7", "10", "64", "-7", "1000000", "9223372036854775807", "-9223372036854775808",
         "0x1F", "1577836800", "253402300800", "4611686018427387904", "9007199254740993")  # fmt: skip
UINTS = ("0u", "1u", "7u", "18446744073709551615u", "9223372036854775808u", "0x10u")
DOUBLES = (
    "0.0",
    "1.0",
    "-1.5",
    "2.5",
    "1e300",
    "-0.0",
    "3.0",
    "1e-5",
    "9007199254740992.0",
    "1e19",
    "0.1",
    "123456.789",
    "9223372036854775808.0",
    "-9223372036854775808.0",
    "18446744073709551616.0",
    "(0.0 / 0.0)",
    'double("Infinity")',
    'double("-Infinity")',
    "5e-324",
    "0.5",
)
BYTES = ('b""', 'b"abc"', "b'\\xff'", 'b"\\303\\274"')
