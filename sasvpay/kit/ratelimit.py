"""Limits by client address: a fixed window, counted in Django's cache.

A process counts by itself and adds to the shared count by the handful: what is refused must not
cost a write each. While the database is away as well, which stands behind Redis, the cache is left
alone for a while; then each process's own count stands, and nothing waits.
"""

import ipaddress
import threading
import time
from dataclasses import dataclass
from typing import Final

import structlog
from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest

log = structlog.get_logger(__name__)

WINDOW_SECONDS: Final = 60
# A limit may be passed by so many, less one, per process.
SHARED_BY: Final = 20
CACHE_REST_SECONDS: Final = 10.0
MAX_ADDRESSES: Final = 10_000


@dataclass
class _Count:
    window: int
    total: int = 0
    not_shared: int = 0


_lock = threading.Lock()
_counts: dict[tuple[str, str], _Count] = {}
_cache_rests_until = 0.0


def client_address(request: HttpRequest) -> str:
    """Return who called: the entry of X-Forwarded-For that our outermost proxy wrote.

    Entries further left are what the client says. IPv6 callers are told apart by their /64.
    """
    remote = str(request.META.get("REMOTE_ADDR", ""))
    forwarded = str(request.META.get("HTTP_X_FORWARDED_FOR", "")).split(",")
    proxies: int = settings.TRUSTED_PROXIES
    told = forwarded[-proxies].strip() if 0 < proxies <= len(forwarded) else remote
    try:
        address = ipaddress.ip_address(told)
    except ValueError:
        return remote
    if isinstance(address, ipaddress.IPv6Address) and not address.ipv4_mapped:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return told


def count(scope: str, address: str, *, limit: int) -> int | None:
    """Count one; return after how many seconds to come again if that is above the limit."""
    now = time.time()
    window = int(now // WINDOW_SECONDS)
    with _lock:
        counted = _count_of((scope, address), window)
        counted.total += 1
        counted.not_shared += 1
        above = counted.total > limit
        # Whoever is above the limit costs no cache any more.
        share = counted.not_shared if counted.not_shared >= SHARED_BY and not above else 0
        counted.not_shared -= share
    if share:
        total = _add_to_cache(f"limit:{scope}:{address}:{window}", share)
        with _lock:
            counted.total = max(counted.total, total + counted.not_shared)
    return WINDOW_SECONDS - int(now % WINDOW_SECONDS) if above else None


def forget_all() -> None:
    """Empty what this process counted."""
    global _cache_rests_until  # noqa: PLW0603 -- one switch per process
    with _lock:
        _counts.clear()
        _cache_rests_until = 0.0


def _count_of(key: tuple[str, str], window: int) -> _Count:
    counted = _counts.get(key)
    if counted is None or counted.window != window:
        _counts.pop(key, None)
        counted = _counts[key] = _Count(window)
        if len(_counts) > MAX_ADDRESSES:
            # The oldest goes first: a dict keeps the order in which it was filled.
            del _counts[next(iter(_counts))]
    return counted


def _add_to_cache(key: str, number: int) -> int:
    """Return the shared count with ours added; 0 while the cache is away."""
    global _cache_rests_until  # noqa: PLW0603 -- one switch per process
    if time.monotonic() < _cache_rests_until:
        return 0
    try:
        cache.add(key, 0, timeout=2 * WINDOW_SECONDS)
        return cache.incr(key, number)
    except Exception:  # noqa: BLE001 -- each cache raises its own; a limit is no reason to fail
        _cache_rests_until = time.monotonic() + CACHE_REST_SECONDS
        log.warning("rate_limit_cache_is_away")
        return 0
