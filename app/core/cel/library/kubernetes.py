"""Functions of the Kubernetes libraries: quantities, versions, addresses, URLs, named formats."""

from collections.abc import Callable
from functools import partial
from typing import Any

from app.core.cel.common.errors import EvalError
from app.core.cel.library.formats import FORMATS, problems
from app.core.cel.library.registry import implements
from app.core.cel.values.networks import Cidr, Ip, is_dotted, parse_cidr, parse_ip
from app.core.cel.values.quantities import QuantityValue, parse_amount, parse_quantity
from app.core.cel.values.semver import Semver, is_version, normalized, parse_semver
from app.core.cel.values.urls import Url, parse_request_uri, parse_url
from app.core.cel.values.values import INT_MAX, NONE, CelMap, NamedFormat, Optional


def _can(parse: Callable[[str], Any]) -> Callable[[str], bool]:
    def check(text: str) -> bool:
        try:
            parse(text)
        except EvalError:
            return False
        return True

    return check


# Quantities


@implements("string_to_quantity")
def quantity(text: str) -> QuantityValue:
    """quantity(text): a new object each time, since Go holds quantities as keys of maps by their address."""
    return parse_quantity(text)


implements("is_quantity_string")(_can(parse_amount))
implements("quantity_sign")(QuantityValue.sign)
implements("quantity_compare_to")(QuantityValue.compare)
implements("quantity_get_float")(QuantityValue.as_float)


@implements("quantity_is_greater_than")
def quantity_is_greater_than(left: QuantityValue, right: QuantityValue) -> bool:
    """left.isGreaterThan(right)."""
    return left.nanos > right.nanos


@implements("quantity_is_less_than")
def quantity_is_less_than(left: QuantityValue, right: QuantityValue) -> bool:
    """left.isLessThan(right)."""
    return left.nanos < right.nanos


@implements("quantity_get_int")
def quantity_as_integer(value: QuantityValue) -> int:
    """quantity.asInteger()."""
    number = value.as_int()
    if number is None:
        raise EvalError("cannot convert value to integer")
    return number


@implements("quantity_is_integer")
def quantity_is_integer(value: QuantityValue) -> bool:
    """quantity.isInteger()."""
    return value.as_int() is not None


@implements("quantity_add")
def quantity_add(left: QuantityValue, right: QuantityValue) -> QuantityValue:
    """left.add(right)."""
    return left.plus(right)


@implements("quantity_sub")
def quantity_sub(left: QuantityValue, right: QuantityValue) -> QuantityValue:
    """left.sub(right)."""
    return left.plus(right, -1)


@implements("quantity_sub", variant="exact differences")
def quantity_sub_exact(left: QuantityValue, right: QuantityValue) -> QuantityValue:
    """left.sub(right), with the smallest number too."""
    return left.plus(right, -1, exact=True)


@implements("quantity_sub_int", variant="exact differences")
def quantity_sub_int_exact(left: QuantityValue, right: int) -> QuantityValue:
    """left.sub(int), with the smallest number too."""
    return left.plus(QuantityValue(right, 0, like="e0"), -1, exact=True)


@implements("quantity_add_int")
def quantity_add_int(left: QuantityValue, right: int) -> QuantityValue:
    """left.add(int)."""
    return left.plus(QuantityValue(right, 0, like="e0"))


@implements("quantity_sub_int")
def quantity_sub_int(left: QuantityValue, right: int) -> QuantityValue:
    """left.sub(int)."""
    return left.plus(QuantityValue(right, 0, like="e0"), -1)


# Versions

implements("string_to_semver")(parse_semver)
implements("is_semver_string")(is_version)
implements("semver_compare_to")(Semver.compare)


@implements("string_bool_to_semver")
def semver_normalized(text: str, normalize: bool) -> Semver:  # noqa: FBT001 - CEL's signature
    """semver(text, normalize)."""
    return parse_semver(normalized(text) if normalize else text)


@implements("is_semver_string_bool")
def is_semver_normalized(text: str, normalize: bool) -> bool:  # noqa: FBT001 - CEL's signature
    """isSemver(text, normalize)."""
    return _can(lambda given: semver_normalized(given, normalize))(text)


@implements("semver_is_greater_than")
def semver_is_greater_than(left: Semver, right: Semver) -> bool:
    """left.isGreaterThan(right)."""
    return left.order > right.order


@implements("semver_is_less_than")
def semver_is_less_than(left: Semver, right: Semver) -> bool:
    """left.isLessThan(right)."""
    return left.order < right.order


def signed(value: int) -> int:
    """The number as a signed one of 64 bits."""
    # Go converts the unsigned number bit by bit.
    return value if value <= INT_MAX else value - 2**64


implements("semver_major")(lambda value: signed(value.major))
implements("semver_minor")(lambda value: signed(value.minor))
implements("semver_patch")(lambda value: signed(value.patch))


# Addresses

implements("string_to_ip")(parse_ip)
implements("ip_is_unspecified")(Ip.is_unspecified)
implements("ip_is_loopback")(Ip.is_loopback)
implements("ip_is_link_local_multicast")(Ip.is_link_local_multicast)
implements("ip_is_link_local_unicast")(Ip.is_link_local_unicast)
implements("ip_is_global_unicast")(Ip.is_global_unicast)
implements("string_to_cidr")(parse_cidr)
implements("is_cidr")(_can(parse_cidr))
implements("cidr_contains_ip_ip")(Cidr.contains_ip)
implements("cidr_contains_cidr")(Cidr.contains_cidr)
implements("cidr_masked")(Cidr.masked)


@implements("is_ip")
def is_ip(text: str) -> bool:
    """isIP(text)."""
    return is_dotted(text) or _can(parse_ip)(text)


@implements("ip_family")
def ip_family(value: Ip) -> int:
    """ip.family()."""
    return value.address.version


@implements("ip_is_canonical")
def ip_is_canonical(text: str) -> bool:
    """ip.isCanonical(text)."""
    return is_dotted(text) or str(parse_ip(text)) == text


@implements("cidr_contains_ip_string")
def cidr_contains_ip_text(network: Cidr, text: str) -> bool:
    """cidr.containsIP(text)."""
    return network.contains_ip(parse_ip(text))


@implements("cidr_contains_cidr_string")
def cidr_contains_cidr_text(network: Cidr, text: str) -> bool:
    """cidr.containsCIDR(text)."""
    return network.contains_cidr(parse_cidr(text))


@implements("cidr_ip")
def cidr_ip(network: Cidr) -> Ip:
    """cidr.ip()."""
    return Ip(network.address)


@implements("cidr_prefix_length")
def cidr_prefix_length(network: Cidr) -> int:
    """cidr.prefixLength()."""
    return network.bits


# URLs

_LENIENT = "more colons"
_parse_leniently = partial(parse_request_uri, one_colon=False)
implements("is_url_string")(_can(parse_request_uri))
implements("is_url_string", variant=_LENIENT)(_can(_parse_leniently))


@implements("string_to_url")
def url(text: str, *, one_colon: bool = True) -> Url:
    """url(text): absolute, or an absolute path."""
    try:
        found = parse_request_uri(text, one_colon=one_colon)
        # With a scheme and without a fragment, url.Parse reads the same.
        return found if found.scheme and "#" not in text else parse_url(text, one_colon=one_colon)
    except EvalError as error:
        raise EvalError(f"URL parse error during conversion from string: {error}") from None


implements("string_to_url", variant=_LENIENT)(partial(url, one_colon=False))


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


implements("url_get_scheme")(lambda value: _text(value.scheme))
implements("url_get_host")(lambda value: _text(value.host))
implements("url_get_hostname")(lambda value: _text(value.hostname()))
implements("url_get_port")(lambda value: _text(value.port()))
implements("url_get_escaped_path")(lambda value: _text(value.escaped_path()))


@implements("url_get_query")
def url_query(value: Url) -> CelMap:
    """url.getQuery()."""
    return CelMap(
        {_text(key): tuple(_text(part) for part in parts) for key, parts in value.query_values().items()}
    )


# Named formats


@implements("format-named")
def format_named(key: str) -> Optional:
    """format.named(key)."""
    found = FORMATS.get(key)
    return NONE if found is None else Optional(found)


def _constant(value: NamedFormat) -> Callable[[], NamedFormat]:
    return lambda: value


for _key, _format in FORMATS.items():
    implements(f"format.{_key}")(_constant(_format))


@implements("format-validate")
def validate(named: NamedFormat, text: str) -> Optional:
    """format.validate(text): the errors in it, if any."""
    found = problems(named, text)
    return Optional(tuple(found)) if found else NONE


@implements("format-validate", variant=_LENIENT)
def validate_leniently(named: NamedFormat, text: str) -> Optional:
    """format.validate(text), where a host takes more colons."""
    return NONE if named.key == "uri" and _can(_parse_leniently)(text) else validate(named, text)
