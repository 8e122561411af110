"""Whether this machine is alive, and whether the product as a whole is ready."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from kombu.exceptions import OperationalError

from orders import delivery
from sasvpay.celery import app
from sasvpay.kit import heartbeat, mail

# A delivery that is due for longer than this means that nobody delivers.
MAX_LAG: Final = timedelta(seconds=120)
# Longer than the second attempt takes: by then the mail server is away, not slow.
MAX_MAIL_LAG: Final = timedelta(minutes=15)

log = structlog.get_logger(__name__)


def report(*, at: datetime) -> dict[str, str]:
    """Return each part's state: "ok", or what is wrong in a few words."""
    return {name: _state(name, check, at) for name, check in _CHECKS.items()}


def _state(name: str, check: Callable[[datetime], str], at: datetime) -> str:
    try:
        return check(at) or "ok"
    except (DatabaseError, OSError, OperationalError) as problem:
        log.warning("not_ready", part=name, problem=str(problem))
        return "unreachable"


def _database(at: datetime) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return ""


def _migrations(at: datetime) -> str:
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return f"{len(missing)} not applied" if missing else ""


def _broker(at: datetime) -> str:
    if not settings.REDIS_URL:
        return ""
    with app.connection_for_read() as broker:
        broker.ensure_connection(max_retries=1, timeout=2)
    return ""


def _worker(at: datetime) -> str:
    return "" if heartbeat.is_alive("worker", at=at) else "no task ran within a minute"


def _scheduler(at: datetime) -> str:
    return "" if heartbeat.is_alive("scheduler", at=at) else "not seen within a minute"


def _mail(at: datetime) -> str:
    lag = mail.lag(at=at)
    return "" if lag <= MAX_MAIL_LAG else f"oldest letter waits for {lag.total_seconds():.0f} s"


def _dispatcher(at: datetime) -> str:
    if not heartbeat.is_alive("dispatcher", at=at):
        return "not seen within a minute"
    lag = delivery.lag(at=at)
    return "" if lag <= MAX_LAG else f"oldest due delivery waits for {lag.total_seconds():.0f} s"


_CHECKS: Final[dict[str, Callable[[datetime], str]]] = {
    "database": _database,
    "migrations": _migrations,
    "broker": _broker,
    "worker": _worker,
    "scheduler": _scheduler,
    "dispatcher": _dispatcher,
    "mail": _mail,
}
