"""The cache where REDIS_URL is set: Redis, with the database cache behind it.

What is set goes to both, and the database answers for what Redis does not know: Redis may be away,
be emptied or come back without a memory, and a limit on sign-ins has to hold all the same. What is
only added or counted is kept in Redis, in the database while Redis is away. A Redis that was out of
reach and kept its memory is believed again: a limit may then be passed once, by as much.
"""

import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

import structlog
from django.core.cache import caches
from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

T = TypeVar("T")
log = structlog.get_logger(__name__)

REST_SECONDS: Final = 10.0
# Each thread has a cache of its own; they learn from one another that a Redis is away.
_rests_until: dict[str, float] = {}
_UNKNOWN: Final = object()


class BackedRedisCache(BaseCache):
    """Redis, left alone for a while after a failure; behind it the cache named "database"."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(params)
        self._server = server
        self._redis = RedisCache(server, params)

    @property
    def _database(self) -> BaseCache:
        return caches["database"]

    def _ask_redis(self, ask: Callable[[], T], otherwise: T) -> T:
        """Return what Redis answers, or the other thing while it is away."""
        if time.monotonic() < _rests_until.get(self._server, 0.0):
            return otherwise
        try:
            return ask()
        except RedisError as problem:
            _rests_until[self._server] = time.monotonic() + REST_SECONDS
            log.warning("redis_is_away", problem=type(problem).__name__)
            return otherwise

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        """Return what Redis holds, or else the database."""
        found = self._ask_redis(lambda: self._redis.get(key, _UNKNOWN, version), _UNKNOWN)
        return self._database.get(key, default, version) if found is _UNKNOWN else found

    def set(
        self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> None:
        """Keep it in both."""
        self._database.set(key, value, timeout, version)
        self._ask_redis(lambda: self._redis.set(key, value, timeout, version), None)

    def delete(self, key: Any, version: int | None = None) -> bool:
        """Delete it in both."""
        in_database = self._database.delete(key, version)
        in_redis = self._ask_redis(lambda: self._redis.delete(key, version), otherwise=False)
        return in_redis or in_database

    def touch(self, key: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Keep it for longer in both."""
        in_database = self._database.touch(key, timeout, version)
        in_redis = self._ask_redis(
            lambda: self._redis.touch(key, timeout, version), otherwise=False
        )
        return in_redis or in_database

    def add(
        self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> bool:
        """Keep it where nothing is kept yet, in one place: locks and the beginning of counts."""
        added = self._ask_redis(lambda: self._redis.add(key, value, timeout, version), None)
        return self._database.add(key, value, timeout, version) if added is None else added

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        """Add to a count, in one place."""
        count = self._ask_redis(lambda: self._redis.incr(key, delta, version), None)
        return self._database.incr(key, delta, version) if count is None else count

    def clear(self) -> None:
        """Empty both."""
        self._database.clear()
        self._ask_redis(self._redis.clear, None)
