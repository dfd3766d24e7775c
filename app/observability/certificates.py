"""When certificates expire, read from their files."""

import base64
import binascii
import datetime as dt
import re
from pathlib import Path

_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)
_VERSION, _UTC_TIME = 0xA0, 0x17


class CertificateError(ValueError):
    """A file is not a PEM certificate."""


def expiry(path: Path) -> float:
    """When the first of the file's certificates to expire does, in seconds since 1970.

    Raises: CertificateError, OSError.
    """
    found = [_not_after(block) for block in _PEM.findall(path.read_bytes())]
    if not found:
        raise CertificateError(f"{path}: no PEM certificate")
    return min(found)


def _not_after(block: bytes) -> float:
    """notAfter of a certificate (RFC 5280, 4.1): the end of the fourth or fifth field of tbsCertificate."""
    try:
        raw = base64.b64decode(b"".join(block.split()), validate=True)
        _, certificate, _ = _element(raw)
        _, fields, _ = _element(certificate)
        tag, _, rest = _element(fields)
        if tag == _VERSION:
            _, _, rest = _element(rest)  # serialNumber
        for _ in range(2):  # signature, issuer
            _, _, rest = _element(rest)
        _, validity, _ = _element(rest)
        _, _, rest = _element(validity)
        tag, text, _ = _element(rest)
        form = "%y%m%d%H%M%SZ" if tag == _UTC_TIME else "%Y%m%d%H%M%SZ"
        return dt.datetime.strptime(text.decode("ascii"), form).replace(tzinfo=dt.UTC).timestamp()
    except (binascii.Error, IndexError, UnicodeDecodeError, ValueError) as error:
        raise CertificateError(f"not a certificate: {error}") from None


def _element(raw: bytes) -> tuple[int, bytes, bytes]:
    """Tag and content of the first DER element, and what follows it."""
    tag, length, start = raw[0], raw[1], 2
    if length & 0x80:
        size = length & 0x7F
        length, start = int.from_bytes(raw[2 : 2 + size], "big"), 2 + size
    if start + length > len(raw):
        raise ValueError("cut off")
    return tag, raw[start : start + length], raw[start + length :]
