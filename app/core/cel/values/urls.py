"""URLs, as Go 1.26's net/url reads and prints them. Works on bytes, like Go."""

import re
from typing import ClassVar

from app.core.cel.common.errors import EvalError, check_readable
from app.core.cel.values.networks import parse_address
from app.core.cel.values.numbers import quote

_HEX = b"0123456789abcdefABCDEF"
_ALWAYS = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~")
# Bytes that need no escape, by the part of the URL.
_HOST = _ALWAYS | frozenset(b"!$&'()*+,;=:[]<>\"")
_PATH = _ALWAYS | frozenset(b"$&+,/:;=@")
_USER = _ALWAYS | frozenset(b"$&+,;=")
_FRAGMENT = _ALWAYS | frozenset(b"$&+,/:;=?@!()*")
_RAW_ALLOWED = frozenset(b"!$&'()*+,;=:@[]%")
_USERINFO = _ALWAYS | frozenset(b"-._:~!$&'()*+,;=%@")
_MAX_PARAMETERS = 10_000


# Nothing in it is escaped, or has to be, and the host is a name.
_USUAL = re.compile(
    rb"([a-z][a-z0-9+.-]*)://([A-Za-z0-9.-]+(?::[0-9]+)?)((?:/[A-Za-z0-9_.~/-]*)?)(?:\?([A-Za-z0-9=&_.~/-]+))?\Z"
)


class Url:
    """A parsed URL. Texts are as Go holds them: bytes."""

    __slots__ = (
        "force_query", "fragment", "host", "omit_host", "opaque", "path", "query", "raw_fragment", "raw_path",
        "scheme", "user",
    )  # fmt: skip
    type_name: ClassVar[str] = "kubernetes.URL"

    def __init__(self) -> None:
        self.scheme = self.opaque = self.host = self.path = self.raw_path = b""
        self.query = self.fragment = self.raw_fragment = b""
        self.user: bytes | None = None
        self.force_query = self.omit_host = False

    def equals(self, other: "Url") -> bool:
        """Same text."""
        return self.text() == other.text()

    def hostname(self) -> bytes:
        """The host without port and brackets."""
        return _split_port(self.host)[0]

    def port(self) -> bytes:
        """The port, if it is written."""
        return _split_port(self.host)[1]

    def escaped_path(self) -> bytes:
        """The path as it was written, where that is a valid encoding, else escaped."""
        if self.raw_path and all(byte in _RAW_ALLOWED or byte in _PATH for byte in self.raw_path):
            return self.raw_path
        return b"*" if self.path == b"*" else _escape(self.path, _PATH)

    def _escaped_fragment(self) -> bytes:
        raw = self.raw_fragment
        if raw and all(byte in _RAW_ALLOWED or byte in _FRAGMENT for byte in raw):
            return raw
        return _escape(self.fragment, _FRAGMENT)

    def text(self) -> bytes:
        """URL.String."""
        out = self.scheme + b":" if self.scheme else b""
        out += self.opaque or self._hierarchy(out)
        if self.force_query or self.query:
            out += b"?" + self.query
        if self.fragment:
            out += b"#" + self._escaped_fragment()
        return out

    def _hierarchy(self, before: bytes) -> bytes:
        out = b""
        named = bool(self.host) or self.user is not None
        if (self.scheme or named) and (named or not self.omit_host):
            if named or self.path:
                out += b"//"
            if self.user is not None:
                out += self.user + b"@"
            out += _escape(self.host, _HOST)
        path = self.escaped_path()
        if path and not path.startswith(b"/") and self.host:
            out += b"/"
        if not before and not out and b":" in path.split(b"/", 1)[0]:
            out += b"./"
        return out + path

    def query_values(self) -> dict[bytes, list[bytes]]:
        """The parameters; those that are not well-formed are left out."""
        found: dict[bytes, list[bytes]] = {}
        if self.query.count(b"&") + 1 > _MAX_PARAMETERS:
            return found
        for part in self.query.split(b"&"):
            if not part or b";" in part:
                continue
            name, _, value = part.partition(b"=")
            try:
                key, content = _unescape_query(name), _unescape_query(value)
            except EvalError:
                continue
            found.setdefault(key, []).append(content)
        return found


def parse_request_uri(text: str, *, one_colon: bool = True) -> Url:
    """url.ParseRequestURI: an absolute URL or an absolute path.

    ``one_colon``: the host of http and https takes one colon only, as Go has it since 1.26.

    Raises:
        EvalError: it is none.
    """
    return _parse(text.encode("utf-8", "surrogateescape"), request=True, one_colon=one_colon)


def parse_url(text: str, *, one_colon: bool = True) -> Url:
    """url.Parse, for what parse_request_uri takes. ``one_colon``: as there.

    Raises:
        EvalError: it is none.
    """
    raw, _, fragment = text.encode("utf-8", "surrogateescape").partition(b"#")
    url = _parse(raw, request=False, one_colon=one_colon)
    if fragment:
        url.fragment = _unescape(fragment)
        url.raw_fragment = b"" if fragment == _escape(url.fragment, _FRAGMENT) else fragment
    return url


def _invalid(message: str) -> EvalError:
    return EvalError(message)


def _parse(raw: bytes, *, request: bool, one_colon: bool) -> Url:
    check_readable(raw, "URL")
    usual = _USUAL.match(raw)
    if usual is not None:
        url = Url()
        url.scheme, url.host, url.path, query = usual.groups()
        url.query = query or b""
        return url
    if any(byte < 0x20 or byte == 0x7F for byte in raw):
        raise _invalid("net/url: invalid control character in URL")
    if not raw and request:
        raise _invalid("empty url")
    url = Url()
    if raw == b"*":
        url.path = b"*"
        return url
    url.scheme, rest = _scheme(raw)
    if rest.endswith(b"?") and rest.count(b"?") == 1:
        url.force_query, rest = True, rest[:-1]
    else:
        rest, _, url.query = rest.partition(b"?")
    if not rest.startswith(b"/"):
        if url.scheme:
            url.opaque = rest
            return url
        if request:
            raise _invalid("invalid URI for request")
        if b":" in rest.split(b"/", 1)[0]:
            raise _invalid("first path segment in URL cannot contain colon")
    if (url.scheme or (not request and not rest.startswith(b"///"))) and rest.startswith(b"//"):
        authority, slash, path = rest[2:].partition(b"/")
        rest = slash + path
        url.user, url.host = _authority(authority, one_colon=one_colon and url.scheme in (b"http", b"https"))
    elif url.scheme and rest.startswith(b"/"):
        url.omit_host = True
    url.path = _unescape(rest)
    url.raw_path = b"" if rest == _escape(url.path, _PATH) else rest
    return url


def _scheme(raw: bytes) -> tuple[bytes, bytes]:
    for at, byte in enumerate(raw):
        char = chr(byte)
        if char in "0123456789+-.":
            if at == 0:
                return b"", raw
        elif char == ":":
            if at == 0:
                raise _invalid("missing protocol scheme")
            return raw[:at].lower(), raw[at + 1 :]
        elif not (char.isascii() and char.isalpha()):
            return b"", raw
    return b"", raw


def _authority(authority: bytes, *, one_colon: bool) -> tuple[bytes | None, bytes]:
    info, at, host = authority.rpartition(b"@")
    parsed = _host(host, one_colon=one_colon)
    if not at:
        return None, parsed
    if not all(byte in _USERINFO for byte in info):
        raise _invalid("net/url: invalid userinfo")
    name, colon, password = info.partition(b":")
    user = _escape(_unescape(name), _USER)
    if colon:
        user += b":" + _escape(_unescape(password), _USER)
    return user, parsed


def _host(host: bytes, *, one_colon: bool) -> bytes:
    opening = host.rfind(b"[")
    if opening > 0:
        raise _invalid("invalid IP-literal")
    if opening == 0:
        return _literal_host(host)
    first, last = host.find(b":"), host.rfind(b":")
    if first != -1:
        port = host[first if one_colon else last :]
        _check_port(port)
    return _unescape_host(host)


def _literal_host(host: bytes) -> bytes:
    closing = host.rfind(b"]")
    if closing < 0:
        raise _invalid("missing ']' in host")
    port = host[closing + 1 :]
    _check_port(port)
    name = host[1:closing]
    zone = name.find(b"%25")
    if zone >= 0:
        address = _unescape_host(name[:zone])
        name = address + _unescape_host(name[zone:], zone=True)
        if name.endswith(b"%"):
            raise _invalid("invalid host")
    else:
        name = address = _unescape_host(name)
    if parse_address(address.decode("utf-8", "surrogateescape")).version == 4:
        raise _invalid("invalid IP-literal")
    return b"[" + name + b"]" + port


def _check_port(port: bytes) -> None:
    if port and (port[0:1] != b":" or not all(0x30 <= byte <= 0x39 for byte in port[1:])):
        raise _invalid(f"invalid port {quote(port.decode(errors='replace'))} after host")


def _split_port(host: bytes) -> tuple[bytes, bytes]:
    name, port = host, b""
    colon = host.rfind(b":")
    if colon != -1 and all(0x30 <= byte <= 0x39 for byte in host[colon + 1 :]):
        name, port = host[:colon], host[colon + 1 :]
    if name.startswith(b"[") and name.endswith(b"]"):
        name = name[1:-1]
    return name, port


def _escape(raw: bytes, plain: frozenset[int]) -> bytes:
    return b"".join(bytes((byte,)) if byte in plain else b"%%%02X" % byte for byte in raw)


def _percent(raw: bytes, at: int) -> int:
    digits = raw[at + 1 : at + 3]
    if len(digits) < 2 or any(digit not in _HEX for digit in digits):
        raise _invalid(f"invalid URL escape {quote(raw[at : at + 3].decode(errors='replace'))}")
    return int(digits, 16)


def _unescape(raw: bytes) -> bytes:
    if b"%" not in raw:
        return raw
    out = bytearray()
    at = 0
    while at < len(raw):
        if raw[at] == 0x25:
            out.append(_percent(raw, at))
            at += 3
        else:
            out.append(raw[at])
            at += 1
    return bytes(out)


def _unescape_query(raw: bytes) -> bytes:
    return _unescape(raw.replace(b"+", b" "))


def _unescape_host(raw: bytes, *, zone: bool = False) -> bytes:
    at = 0
    while at < len(raw):
        byte = raw[at]
        if byte == 0x25:
            value = _percent(raw, at)
            is_percent = value == 0x25
            if zone:
                refused = not is_percent and value != 0x20 and value not in _HOST
            else:
                refused = value < 0x80 and not is_percent
            if refused:
                raise _invalid("invalid URL escape in host")
            at += 3
            continue
        if byte < 0x80 and byte not in _HOST:
            raise _invalid(f"invalid character {quote(chr(byte))} in host name")
        at += 1
    return _unescape(raw)
