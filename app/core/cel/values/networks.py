"""IP addresses and prefixes, as Go's net/netip reads them; zones and IPv4-mapped IPv6 are refused."""

import ipaddress
import re
from typing import ClassVar, NamedTuple

from app.core.cel.common.errors import EvalError


class Address(NamedTuple):
    """Its family, and the bits as a number."""

    version: int
    number: int

    @property
    def length(self) -> int:
        """Bits."""
        return 32 if self.version == 4 else 128

    def __str__(self) -> str:
        return str(
            ipaddress.IPv4Address(self.number) if self.version == 4 else ipaddress.IPv6Address(self.number)
        )


_BITS = re.compile(r"(?:0|[1-9][0-9]{0,2})\Z", re.ASCII)
_BYTE = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_DOTTED = re.compile(r"\.".join([_BYTE] * 4) + r"\Z", re.ASCII)
_BROADCAST = Address(4, 0xFFFFFFFF)


class Ip:
    """An address."""

    __slots__ = ("address",)
    type_name: ClassVar[str] = "net.IP"

    def __init__(self, address: Address) -> None:
        self.address = address

    def equals(self, other: "Ip") -> bool:
        """Same address of the same family."""
        return self.address == other.address

    def __str__(self) -> str:
        return str(self.address)

    def key(self) -> tuple[object, ...]:
        """What it is held by as a key of a map."""
        return (self.address,)

    def cost_size(self) -> int:
        """Bytes."""
        return 4 if self.address.version == 4 else 16

    def is_unspecified(self) -> bool:
        """All zeros."""
        return self.address.number == 0

    def is_loopback(self) -> bool:
        """127.0.0.0/8 or ::1."""
        if self.address.version == 4:
            return self.address.number >> 24 == 127
        return self.address.number == 1

    def is_link_local_multicast(self) -> bool:
        """224.0.0.0/24 or ff02::/16 with any flags."""
        if self.address.version == 4:
            return self.address.number >> 8 == 0xE00000
        return self.address.number >> 112 & 0xFF0F == 0xFF02

    def is_link_local_unicast(self) -> bool:
        """169.254.0.0/16 or fe80::/10."""
        if self.address.version == 4:
            return self.address.number >> 16 == 0xA9FE
        return self.address.number >> 118 == 0xFE80 >> 6

    def is_multicast(self) -> bool:
        """224.0.0.0/4 or ff00::/8."""
        if self.address.version == 4:
            return self.address.number >> 28 == 0xE
        return self.address.number >> 120 == 0xFF

    def is_global_unicast(self) -> bool:
        """Anything that is none of the above, nor the broadcast address."""
        return not (
            self.address == _BROADCAST
            or self.is_unspecified()
            or self.is_loopback()
            or self.is_multicast()
            or self.is_link_local_unicast()
        )


class Cidr:
    """An address with the length of its prefix; bits after the prefix may be set."""

    __slots__ = ("address", "bits")
    type_name: ClassVar[str] = "net.CIDR"

    def __init__(self, address: Address, bits: int) -> None:
        self.address = address
        self.bits = bits

    def equals(self, other: "Cidr") -> bool:
        """Same address and same length."""
        return self.address == other.address and self.bits == other.bits

    def __str__(self) -> str:
        return f"{self.address}/{self.bits}"

    def key(self) -> tuple[object, ...]:
        """What it is held by as a key of a map."""
        return (self.address, self.bits)

    def cost_size(self) -> int:
        """Bytes of the prefix."""
        return -(-self.bits // 8)

    def contains_ip(self, ip: Ip) -> bool:
        """Whether the address is in the network."""
        version, number = self.address
        other, inside = ip.address
        return version == other and (number ^ inside) >> (self.address.length - self.bits) == 0

    def contains_cidr(self, other: "Cidr") -> bool:
        """Whether the other network is a part of this one, or the same."""
        return self.bits <= other.bits and self.contains_ip(Ip(other.address))

    def masked(self) -> "Cidr":
        """The network without the bits after the prefix."""
        rest = self.address.length - self.bits
        return Cidr(Address(self.address.version, self.address.number >> rest << rest), self.bits)


def parse_address(text: str) -> Address:
    """Reads an address of either family, as netip.ParseAddr does for those without a zone.

    Raises:
        EvalError: the text is none.
    """
    usual = _DOTTED.match(text)
    if usual is not None:
        first, second, third, fourth = map(int, usual.groups())
        return Address(4, first << 24 | second << 16 | third << 8 | fourth)
    # Python takes zones here, too.
    if "%" not in text:
        try:
            found = ipaddress.ip_address(text)
            return Address(found.version, int(found))
        except ValueError:
            pass
    raise EvalError(f"IP Address {text!r} parse error during conversion from string")


def is_dotted(text: str) -> bool:
    """Whether it is an address of four numbers, as it is written canonically."""
    return _DOTTED.match(text) is not None


def parse_ip(text: str) -> Ip:
    """As ip() reads it.

    Raises:
        EvalError: no address, a zone, or an IPv4-mapped IPv6 address.
    """
    return Ip(_unmapped(parse_address(text), text))


def parse_cidr(text: str) -> Cidr:
    """As cidr() reads it.

    Raises:
        EvalError: no prefix, or an IPv4-mapped IPv6 address.
    """
    address_text, slash, bits = text.rpartition("/")
    if not slash or not _BITS.match(bits):
        raise EvalError(f"network address parse error during conversion from string: {text!r}")
    address = parse_address(address_text)
    if int(bits) > address.length:
        raise EvalError(f"network address parse error during conversion from string: {text!r}")
    return Cidr(_unmapped(address, text), int(bits))


def _unmapped(address: Address, text: str) -> Address:
    if address.version == 6 and address.number >> 32 == 0xFFFF:
        raise EvalError(f"IPv4-mapped IPv6 address {text!r} is not allowed")
    return address
