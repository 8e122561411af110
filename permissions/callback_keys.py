"""Callback keys: issue, rotate, show once, and find the keys that open a mini game's callback."""

import re
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from django.db import connection, transaction
from django.utils.translation import gettext as _

from permissions import administrators
from permissions.models import CallbackKey, MiniGame, User
from sasvpay.kit import audit, crypto
from sasvpay.kit.errors import DomainError

RETIRES_AFTER: Final = timedelta(hours=24)
# How long a process trusts what it read, and how soon it may read again for one mini game.
TRUSTED_SECONDS: Final = 5.0
REREAD_SECONDS: Final = 1.0
MAX_KNOWN: Final = 10_000
# Attackers invent app_ids: what is remembered of them is bounded, and pushes out no real game.
MAX_UNKNOWN: Final = 1_000
_APP_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


class KeyAlreadyShownError(DomainError):
    """A callback key is shown once."""

    code = "key_already_shown"


class NoCallbackKeyError(DomainError):
    """There is nothing to rotate before payment was approved."""

    code = "no_callback_key"


@transaction.atomic
def issue(*, game: MiniGame, by: User, at: datetime) -> CallbackKey:
    """Return the mini game's current key, made now if there is none."""
    game = MiniGame.objects.select_for_update(no_key=True).get(pk=game.pk)
    current = CallbackKey.objects.filter(game=game, retires_at=None).first()
    if current:
        return current
    key = _make(game=game, by=by, at=at)
    audit.record(audit.Event.CALLBACK_KEY_ISSUED, by=by, target=key, at=at)
    return key


@transaction.atomic
def rotate(*, game: MiniGame, by: User, at: datetime) -> CallbackKey:
    """Issue a new key; the one before it verifies for 24 more hours."""
    game = MiniGame.objects.select_for_update(no_key=True).get(pk=game.pk)
    old = (
        CallbackKey.objects.select_for_update(no_key=True)
        .filter(game=game, retires_at=None)
        .first()
    )
    if old is None:
        raise NoCallbackKeyError(_("This mini game has no callback key yet."))
    old.retires_at = at + RETIRES_AFTER
    old.save(update_fields=["retires_at"])
    key = _make(game=game, by=by, at=at)
    administrators.tell(game, template="permissions/callback_key_rotated", context={}, at=at)
    audit.record(
        audit.Event.CALLBACK_KEY_ROTATED,
        by=by,
        target=key,
        at=at,
        old_key_retires_at=old.retires_at.isoformat(),
    )
    return key


@transaction.atomic
def show(*, key_id: int, by: User, at: datetime) -> str:
    """Return a key's text to the first who asks, and to nobody after."""
    # Compare and set: of two who ask at once, one is told.
    unseen = CallbackKey.objects.filter(pk=key_id, shown_at=None, retires_at=None)
    if not unseen.update(shown_at=at, shown_by=by):
        raise KeyAlreadyShownError(
            _("This key was shown before and is not shown again. Rotate it to get a new one.")
        )
    key = CallbackKey.objects.select_related("game").get(pk=key_id)
    audit.record(audit.Event.CALLBACK_KEY_SHOWN, by=by, target=key, at=at)
    return crypto.decrypt(key.secret_encrypted)


def _make(*, game: MiniGame, by: User, at: datetime) -> CallbackKey:
    key = CallbackKey.objects.create(
        game=game,
        secret_encrypted=crypto.encrypt(crypto.new_secret()),
        issued_at=at,
        issued_by=by,
    )
    transaction.on_commit(partial(_forget, game.app_id))
    return key


@dataclass(frozen=True)
class GameKeys:
    """The keys that open a mini game's callback, each with the time at which it retires."""

    game_id: int
    keys: tuple[tuple[str, datetime | None], ...]

    def valid(self, at: datetime) -> list[str]:
        """Return the current key and those that have not retired yet."""
        return [secret for secret, retires_at in self.keys if not retires_at or at < retires_at]


_lock = threading.Lock()
_known: dict[str, tuple[float, GameKeys]] = {}
_unknown: dict[str, float] = {}


def find(app_id: str, *, again: bool = False) -> GameKeys | None:
    """Return a mini game's keys, or None if there is no such game or no key was issued.

    What was read is trusted for 5 seconds. Call it `again` when no key fits: then it is read once
    more before the callback is refused, at most once a second for each game.
    """
    now = time.monotonic()
    read_at, keys = _known.get(app_id, (0.0, None))
    if keys and now - read_at < (REREAD_SECONDS if again else TRUSTED_SECONDS):
        return keys
    if now - _unknown.get(app_id, -REREAD_SECONDS) < REREAD_SECONDS:
        return None
    if not _APP_ID.fullmatch(app_id):
        return None
    # Not under the lock: a database that hangs must not queue up every thread behind one.
    keys = _read(app_id)
    _remember(app_id, keys, now)
    return keys


def forget_all() -> None:
    """Empty what this process remembers."""
    with _lock:
        _known.clear()
        _unknown.clear()


def _forget(app_id: str) -> None:
    with _lock:
        _known.pop(app_id, None)
        _unknown.pop(app_id, None)


def _remember(app_id: str, keys: GameKeys | None, now: float) -> None:
    with _lock:
        _known.pop(app_id, None)
        _unknown.pop(app_id, None)
        if keys:
            _known[app_id] = (now, keys)
        else:
            _unknown[app_id] = now
        _bound(_known, MAX_KNOWN)
        _bound(_unknown, MAX_UNKNOWN)


def _bound(remembered: dict[str, Any], most: int) -> None:
    if len(remembered) > most:
        # The oldest goes first: a dict keeps the order in which it was filled.
        del remembered[next(iter(remembered))]


# The callback's own path uses no ORM: this costs a third of it.
_KEYS_OF_A_GAME: Final = """
select g.id, k.secret_encrypted, k.retires_at
from permissions_minigame g join permissions_callbackkey k on k.game_id = g.id
where g.app_id = %s and (k.retires_at is null or k.retires_at > %s)
order by k.issued_at desc, k.id desc
"""


def _read(app_id: str) -> GameKeys | None:
    now = connection.ops.adapt_datetimefield_value(datetime.now(UTC))
    with connection.cursor() as cursor:
        cursor.execute(_KEYS_OF_A_GAME, [app_id, now])
        rows = cursor.fetchall()
    if not rows:
        return None
    keys = tuple((crypto.decrypt(secret), _in_utc(retires_at)) for _id, secret, retires_at in rows)
    return GameKeys(game_id=rows[0][0], keys=keys)


def _in_utc(moment: datetime | None) -> datetime | None:
    """Return an aware time: SQLite keeps times without their zone."""
    if moment is None or moment.tzinfo:
        return moment
    return moment.replace(tzinfo=UTC)
