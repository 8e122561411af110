"""Delivery keys and certificates: issued with the first URL, rotated by hand, mailed, never shown.

The certificate's private key is in the letter and nowhere else; the outbox erases the letter once
the mail server accepted it.
"""

from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.utils.translation import gettext as _

from orders.models import DeliveryKey
from permissions import administrators
from permissions.models import MiniGame, User
from sasvpay.kit import audit, crypto, mail
from sasvpay.kit.audit import Event
from sasvpay.kit.errors import DomainError
from sasvpay.kit.models import Mail

# So long may the developer's server be prepared for a new key.
LONGEST_NOTICE: Final = timedelta(hours=24)
MAIL_KIND: Final = "delivery_key"


class NoDeliveryKeyError(DomainError):
    """There is nothing to rotate before the first URL was saved."""

    code = "no_delivery_key"


class MomentRefusedError(DomainError):
    """A new key signs from now on, or from a moment within the next day."""

    code = "moment_refused"
    status = 422


@transaction.atomic
def issue(*, game: MiniGame, by: User, at: datetime, active_from: datetime) -> DeliveryKey:
    """Return the mini game's key; made now, and mailed with its certificate, if there is none."""
    game = _locked(game)
    newest = game.delivery_keys.order_by("-active_from", "-pk").first()
    if newest is not None:
        return newest
    key = _make(game, by=by, at=at, active_from=active_from, is_first=True)
    audit.record(Event.DELIVERY_KEY_ISSUED, by=by, target=key, at=at, **_facts(key))
    return key


@transaction.atomic
def rotate(*, game: MiniGame, by: User, at: datetime, active_from: datetime) -> DeliveryKey:
    """Issue a new key and certificate; until `active_from` the present key signs.

    A key that was to become active later never does: the one asked for last wins.
    Raises NoDeliveryKeyError, or MomentRefusedError for a moment that is past or too far away.
    """
    game = _locked(game)
    if not game.delivery_keys.exists():
        raise NoDeliveryKeyError(_("There is no key yet: save a URL first."))
    if not at <= active_from <= at + LONGEST_NOTICE:
        raise MomentRefusedError(_("Choose a moment between now and 24 hours from now."))
    later = list(game.delivery_keys.select_for_update().filter(active_from__gt=active_from))
    for overtaken in later:
        # Of two keys with the same moment the one issued later signs.
        overtaken.active_from = active_from
        overtaken.save(update_fields=["active_from"])
    key = _make(game, by=by, at=at, active_from=active_from, is_first=False)
    told = {"by": by, "key": key}
    administrators.tell(game, template="orders/delivery_key_changed", context=told, at=at)
    overtaken_serials = [each.serial for each in later]
    audit.record(
        Event.DELIVERY_KEY_ROTATED,
        by=by,
        target=key,
        at=at,
        overtaken=overtaken_serials,
        **_facts(key),
    )
    return key


def current_key(game: MiniGame, at: datetime) -> DeliveryKey | None:
    """Return the key that signs at that moment."""
    signing = game.delivery_keys.filter(active_from__lte=at)
    return signing.order_by("-active_from", "-pk").first()


def coming_key(game: MiniGame, at: datetime) -> DeliveryKey | None:
    """Return the key that is to sign from a later moment on."""
    later = game.delivery_keys.filter(active_from__gt=at)
    return later.order_by("-active_from", "-pk").first()


def letter_of(key: DeliveryKey) -> Mail | None:
    """Return the letter that carried a key, to tell whether the mail server accepted it."""
    letters = Mail.objects.filter(kind=MAIL_KIND, to=key.sent_to, created_at=key.issued_at)
    return letters.defer("body_encrypted").first()


def _locked(game: MiniGame) -> MiniGame:
    # Without the key part of the lock: callbacks that refer to the game do not wait for us.
    return MiniGame.objects.select_for_update(no_key=True).get(pk=game.pk)


def _make(
    game: MiniGame, *, by: User, at: datetime, active_from: datetime, is_first: bool
) -> DeliveryKey:
    secret = crypto.new_secret()
    certificate = crypto.issue_certificate(game.app_id, at)
    key = DeliveryKey.objects.create(
        game=game,
        secret_encrypted=crypto.encrypt(secret),
        certificate_pem=certificate.certificate_pem,
        serial=certificate.serial,
        fingerprint=certificate.fingerprint,
        expires_at=certificate.expires_at,
        issued_at=at,
        issued_by=by,
        sent_to=by.email,
        active_from=active_from,
    )
    mail.send(
        to=key.sent_to,
        template="orders/key_issued",
        context={
            "game": game,
            "key": key,
            "is_first": is_first,
            "secret": secret,
            "certificate": certificate.certificate_pem.strip(),
            "private_key": certificate.private_key_pem.strip(),
        },
        kind=MAIL_KIND,
        at=at,
        language=by.language,
    )
    return key


def _facts(key: DeliveryKey) -> dict[str, Any]:
    return {
        "serial": key.serial,
        "fingerprint": key.fingerprint,
        "expires_at": key.expires_at.isoformat(),
        "active_from": key.active_from.isoformat(),
        "sent_to": key.sent_to,
    }
