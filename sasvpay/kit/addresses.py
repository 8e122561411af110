"""Which URLs and addresses notifications may be sent to."""

import re
import unicodedata
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from django.conf import settings
from django.utils.translation import gettext as _
from yarl import URL

from sasvpay.kit.errors import DomainError

URL_LENGTH: Final = 2000
PORTS: Final = frozenset({80, 443})

# `ipaddress.is_global` is wrong for NAT64, 6to4, multicast and some cloud addresses: our own table.
CLOSED: Final = tuple(
    map(
        ip_network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",
            "192.168.0.0/16",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
            "168.63.129.16/32",
            "2001::/23",
            "2001:db8::/32",
            "2002::/16",
            "3fff::/20",
        ),
    )
)
# All other IPv6 (mapped, NAT64, site-local, link-local, unique local, multicast) is not public.
PUBLIC_IPV6: Final = IPv6Network("2000::/3")
INNER_NAMES: Final = frozenset(
    {"internal", "local", "localhost", "localdomain", "lan", "intranet", "private", "corp", "home"}
    | {"home.arpa"}
)

_GAP: Final = re.compile(r"[\s\x00-\x20\x7f-\x9f]")
_SCHEME: Final = re.compile(r"(https?)://", re.IGNORECASE)
_AUTHORITY: Final = re.compile(r"(\[[0-9a-f:.]+\]|[^\[\]:]*)(?::([0-9]{1,5}))?", re.IGNORECASE)
_NAME: Final = re.compile(r"(?=.{1,253}\Z)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*", re.IGNORECASE)
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*", re.IGNORECASE)


class UnsafeUrlError(DomainError):
    """Notifications are not sent to such a URL."""

    code = "unsafe_url"
    status = 422


def is_public(ip: IPv4Address | IPv6Address) -> bool:
    """Say whether an address is on the public internet."""
    if isinstance(ip, IPv6Address) and ip not in PUBLIC_IPV6:
        return False
    return not any(ip in network for network in CLOSED)


def check_url(url: str) -> None:
    """Raise UnsafeUrlError, with the reason, unless notifications may be sent to this URL."""
    parsed(url)


def parsed(url: str) -> URL:
    """Return the URL as the client takes it; raise UnsafeUrlError as `check_url` does."""
    return _checked(url, lifted=settings.DELIVERY_ALLOW_PRIVATE)


@lru_cache(maxsize=4096)
def _checked(url: str, *, lifted: bool) -> URL:
    if len(url) > URL_LENGTH:
        raise UnsafeUrlError(_("The URL is longer than 2,000 characters."))
    if _GAP.search(url) or "\\" in url:
        raise UnsafeUrlError(
            _("The URL must not contain spaces, line breaks, control characters or backslashes.")
        )
    # Full-width digits and dots are folded first: an inner address stays one in every spelling.
    folded = unicodedata.normalize("NFKC", url).replace("\u3002", ".")
    scheme = _SCHEME.match(folded)
    if scheme is None:
        raise UnsafeUrlError(_("The URL must start with http:// or https://."))
    if "#" in folded:
        raise UnsafeUrlError(_("The URL must not contain a fragment (#)."))
    authority = re.split(r"[/?]", folded[scheme.end() :], maxsplit=1)[0]
    if "@" in authority:
        raise UnsafeUrlError(_("The URL must not contain a user name or password."))
    _check_authority(authority, 443 if scheme[1].lower() == "https" else 80, lifted=lifted)
    if not url.isascii():
        raise UnsafeUrlError(
            _("The URL may contain ASCII characters only: write a host name in its xn-- form.")
        )
    # Encoded: what was typed is what is requested.
    return URL(url, encoded=True)


def _check_authority(authority: str, usual_port: int, *, lifted: bool) -> None:
    parts = _AUTHORITY.fullmatch(authority)
    if parts is None or not parts[1]:
        raise UnsafeUrlError(_("The URL has no valid host name."))
    _check_host(parts[1].lower(), lifted=lifted)
    port = int(parts[2] or usual_port)
    if not lifted and port != usual_port:
        raise UnsafeUrlError(_("Only the usual port may be used: 80 for http, 443 for https."))
    if not 0 < port < 65536:  # noqa: PLR2004 -- the range of ports
        raise UnsafeUrlError(_("The port must be between 1 and 65535."))


def _check_host(host: str, *, lifted: bool) -> None:
    # One sentence for everything that is not public: it must not tell what there is inside.
    inner = UnsafeUrlError(
        _("Use a public host name, or a public IP address in its usual form: this one is neither.")
    )
    if host[0] == "[" or _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]):
        try:
            ip = ip_address(host.strip("[]"))
        except ValueError:
            # Octal, hexadecimal, short forms: nobody needs them, and clients disagree about them.
            raise inner from None
        if not lifted and not is_public(ip):
            raise inner
        return
    labels = host.rstrip(".").split(".")
    if not lifted and (
        len(labels) == 1 or labels[-1] in INNER_NAMES or ".".join(labels[-2:]) in INNER_NAMES
    ):
        raise inner
    if not _NAME.fullmatch(host):
        raise UnsafeUrlError(_("The URL has no valid host name."))
