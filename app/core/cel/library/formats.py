"""The named formats of Kubernetes (library/format.go): the errors in a text, as a list of messages."""

import re
from collections.abc import Callable

from app.core.cel.common.errors import EvalError
from app.core.cel.values.numbers import quote
from app.core.cel.values.times import is_date
from app.core.cel.values.urls import parse_request_uri
from app.core.cel.values.values import NamedFormat

_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = _LABEL + "(\\." + _LABEL + ")*"
_LABEL_1035 = "[a-z]([-a-z0-9]*[a-z0-9])?"
_KEY = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_VALUE = f"({_KEY})?"
_START_END = "and must start and end with an alphanumeric character"
_LABEL_TEXT = (
    f"a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', {_START_END}"
)
_SUBDOMAIN_TEXT = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', "
    f"{_START_END}"
)
_LABEL_1035_TEXT = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', "
    "start with an alphabetic character, and end with an alphanumeric character"
)
_KEY_TEXT = f"must consist of alphanumeric characters, '-', '_' or '.', {_START_END}"
_VALUE_TEXT = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', "
    f"{_START_END}"
)
_UUID = re.compile(
    r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}\Z", re.IGNORECASE | re.ASCII
)
_BASE64 = re.compile(
    r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})\Z", re.ASCII
)
_TIME = re.compile(r"([0-9]{2}):([0-9]{2}):([0-9]{2})(.[0-9]+)?(z|([+-][0-9]{2}:[0-9]{2}))\Z", re.ASCII)


_COMPILED = {
    pattern: re.compile(pattern, re.ASCII) for pattern in (_LABEL, _SUBDOMAIN, _LABEL_1035, _KEY, _VALUE)
}


def _matches(pattern: str, text: str) -> bool:
    return _COMPILED[pattern].fullmatch(text) is not None


def _length(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogateescape"))


def _pattern_message(text: str, pattern: str, *examples: str) -> str:
    shown = " or ".join(f"'{example}', " for example in examples)
    return f"{text} (e.g. {shown}regex used for validation is '{pattern}')"


def _label(text: str) -> list[str]:
    found = ["must be no more than 63 characters"] if _length(text) > 63 else []
    if not _matches(_LABEL, text):
        dotted = _matches(_SUBDOMAIN, text)
        found.append(
            "must not contain dots" if dotted else _pattern_message(_LABEL_TEXT, _LABEL, "my-name", "123-abc")
        )
    return found


def _subdomain(text: str, unit: str = "characters") -> list[str]:
    found = [f"must be no more than 253 {unit}"] if _length(text) > 253 else []
    if not _matches(_SUBDOMAIN, text):
        found.append(_pattern_message(_SUBDOMAIN_TEXT, _SUBDOMAIN, "example.com"))
    return found


def _label_1035(text: str) -> list[str]:
    found = ["must be no more than 63 characters"] if _length(text) > 63 else []
    if not _matches(_LABEL_1035, text):
        found.append(_pattern_message(_LABEL_1035_TEXT, _LABEL_1035, "my-name", "abc-123"))
    return found


def _qualified_name(text: str) -> list[str]:
    parts = text.split("/")
    message = _pattern_message(_KEY_TEXT, _KEY, "MyName", "my.name", "123-abc")
    if len(parts) > 2:
        advice = "with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
        return [f"a valid label key {message} {advice}"]
    found = []
    if len(parts) == 2:
        prefix = parts[0]
        found = (
            [f"prefix part {problem}" for problem in _subdomain(prefix, "bytes")]
            if prefix
            else ["prefix part must be non-empty"]
        )
    name = parts[-1]
    if not name:
        found.append("name part must be non-empty")
    elif _length(name) > 63:
        found.append("name part must be no more than 63 bytes")
    if not _matches(_KEY, name):
        found.append(f"name part {message}")
    return found


def _label_value(text: str) -> list[str]:
    found = ["must be no more than 63 bytes"] if _length(text) > 63 else []
    if not _matches(_VALUE, text):
        found.append(_pattern_message(_VALUE_TEXT, _VALUE, "MyValue", "my_value", "12345"))
    return found


def _uri(text: str) -> list[str]:
    try:
        parse_request_uri(text)
    except EvalError as error:
        return [f"parse {quote(text)}: {error}"]
    return []


def _date_time(text: str) -> bool:
    parts = text.lower().split("t")
    if len(parts) < 2 or not is_date(parts[0]):
        return False
    match = _TIME.match(parts[1])
    return match is not None and match[1] <= "23" and match[2] <= "59" and match[3] <= "59"


def _prefixed(check: Callable[[str], list[str]]) -> Callable[[str], list[str]]:
    """A name that more will be added to may end in a dash."""

    def checked(text: str) -> list[str]:
        if _length(text) > 1 and text.endswith("-"):
            raw = text.encode("utf-8", "surrogateescape")[:-2] + b"a"
            text = raw.decode("utf-8", "surrogateescape")
        return check(text)

    return checked


def _tested(test: Callable[[str], bool], message: str) -> Callable[[str], list[str]]:
    return lambda text: [] if test(text) else [message]


_CHECKS: dict[str, tuple[str, int, Callable[[str], list[str]]]] = {
    "dns1123Label": ("DNS1123Label", 30, _label),
    "dns1123Subdomain": ("DNS1123Subdomain", 60, _subdomain),
    "dns1035Label": ("DNS1035Label", 30, _label_1035),
    "qualifiedName": ("QualifiedName", 60, _qualified_name),
    "dns1123LabelPrefix": ("DNS1123LabelPrefix", 30, _prefixed(_label)),
    "dns1123SubdomainPrefix": ("DNS1123SubdomainPrefix", 60, _prefixed(_subdomain)),
    "dns1035LabelPrefix": ("DNS1035LabelPrefix", 30, _prefixed(_label_1035)),
    "labelValue": ("LabelValue", 40, _label_value),
    "uri": ("URI", 1103, _uri),
    "uuid": ("uuid", 70, _tested(lambda text: bool(_UUID.match(text)), "does not match the UUID format")),
    "byte": ("byte", 84, _tested(lambda text: bool(_BASE64.match(text)), "invalid base64")),
    "date": ("date", 71, _tested(is_date, "invalid date")),
    "datetime": ("datetime", 71, _tested(_date_time, "invalid datetime")),
}

FORMATS = {key: NamedFormat(key, name, size) for key, (name, size, _) in _CHECKS.items()}


def problems(named: NamedFormat, text: str) -> list[str]:
    """The errors in the text; none if it has the format."""
    return _CHECKS[named.key][2](text)
