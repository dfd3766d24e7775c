"""When a certificate expires is read as the library that issued it wrote it."""

import datetime as dt
from pathlib import Path

import pytest
import trustme
from cryptography import x509

from app.observability.certificates import CertificateError, expiry

EXPIRIES = (
    ("soon", dt.datetime(2030, 1, 2, 3, 4, 5, tzinfo=dt.UTC)),
    ("after 2050, in the other form of time", dt.datetime(2061, 12, 31, 23, 59, 59, tzinfo=dt.UTC)),
)


@pytest.mark.parametrize(("_name", "end"), EXPIRIES, ids=[item[0] for item in EXPIRIES])
def test_the_end_of_a_certificate(tmp_path: Path, _name: str, end: dt.datetime) -> None:
    issued = trustme.CA().issue_cert("localhost", not_after=end).cert_chain_pems[0].bytes()
    path = tmp_path / "tls.crt"
    path.write_bytes(b"# a comment\n" + issued)
    assert (
        expiry(path)
        == x509.load_pem_x509_certificate(issued).not_valid_after_utc.timestamp()
        == end.timestamp()
    )


def test_of_a_chain_the_first_to_expire_counts(tmp_path: Path) -> None:
    ends = [dt.datetime(year, 1, 1, tzinfo=dt.UTC) for year in (2040, 2033, 2050)]
    path = tmp_path / "tls.crt"
    path.write_bytes(
        b"".join(trustme.CA().issue_cert("a", not_after=end).cert_chain_pems[0].bytes() for end in ends)
    )
    assert expiry(path) == ends[1].timestamp()


WRONG = (
    b"",
    b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
    b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----",
    b"-----BEGIN CERTIFICATE-----\nMIIBIjANBgkq\n-----END CERTIFICATE-----",
)


@pytest.mark.parametrize("content", WRONG)
def test_what_is_not_a_certificate_is_an_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "tls.crt"
    path.write_bytes(content)
    with pytest.raises(CertificateError):
        expiry(path)
