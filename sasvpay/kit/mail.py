"""Mail: written into the outbox with the change it tells of, sent after the commit, then erased.

A letter may carry a private key. Its body is encrypted, and gone once the server accepted it, or
after a day.
"""

import time
import unicodedata
from contextlib import nullcontext
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from django.conf import settings
from django.core.mail import EmailMessage  # noqa: TID251 -- this is the door
from django.db.models import F, Q
from django.template import Context, Engine
from django.utils import translation
from django.utils.text import Truncator
from django.utils.translation import gettext as _

from sasvpay.kit import crypto
from sasvpay.kit.errors import DomainError
from sasvpay.kit.models import Mail

GAPS: Final = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(hours=1),
)
GIVEN_UP_AFTER: Final = timedelta(hours=24)
# Longer than one letter can take with EMAIL_TIMEOUT for each step of the conversation.
LEASE: Final = timedelta(minutes=5)
# A slow server must not hold a worker: the next sweep goes on.
SWEEP_SECONDS: Final = 20.0
UNSENT: Final = Q(sent_at=None, failed_at=None)

log = structlog.get_logger(__name__)


class UnsafeMailError(DomainError):
    """The address or subject would change the letter's headers."""

    code = "unsafe_mail"
    status = 422


def send(
    *,
    to: str,
    template: str,
    context: dict[str, Any],
    kind: str,
    at: datetime,
    language: str = "",
) -> Mail:
    """Put a letter into the outbox, from the template "<app>/mail/<name>.txt" named "<app>/<name>".

    It is sent after the caller's commit, and never if the caller's transaction fails. The
    template's first line is "Subject: …", the second is empty.
    """
    subject, body = _render(template, {"site_url": settings.SITE_URL, **context}, language)
    if _has_break(to) or _has_break(subject) or not to:
        raise UnsafeMailError(_("An e-mail address or subject must be a single line."))
    return Mail.objects.create(
        to=to,
        subject=Truncator(subject).chars(200),
        body_encrypted=crypto.encrypt(body),
        kind=kind,
        created_at=at,
        due_at=at,
    )


def deliver_due(at: datetime, limit: int = 50) -> int:
    """Send what is due, and return how many letters the server accepted.

    Runs outside of any transaction. Several at once never send the same letter.
    """
    start = time.monotonic()
    _give_up_old(at)
    due = Mail.objects.filter(UNSENT, _free(at), due_at__lte=at).order_by("due_at", "pk")
    accepted = 0
    for pk in list(due.values_list("pk", flat=True)[:limit]):
        elapsed = time.monotonic() - start
        if elapsed > SWEEP_SECONDS:
            break
        accepted += _deliver(pk, at + timedelta(seconds=elapsed))
    return accepted


def lag(*, at: datetime) -> timedelta:
    """Return the age of the oldest letter that waits."""
    waiting = Mail.objects.filter(UNSENT, created_at__lt=at).order_by("created_at")
    oldest = waiting.values_list("created_at", flat=True).first()
    return at - oldest if oldest else timedelta(0)


def _deliver(pk: int, at: datetime) -> bool:
    lease = at + LEASE
    claimed = Mail.objects.filter(UNSENT, _free(at), pk=pk, due_at__lte=at).update(
        lease_until=lease, attempts=F("attempts") + 1
    )
    if not claimed:
        return False
    letter = Mail.objects.get(pk=pk)
    try:
        _hand_over(letter)
    except Exception as problem:  # noqa: BLE001 -- whatever is wrong with one letter, the others go
        _note_failure(letter, problem, at=at)
        return False
    Mail.objects.filter(pk=pk).update(
        sent_at=at, body_encrypted=None, lease_until=None, last_error=""
    )
    return True


def _hand_over(letter: Mail) -> None:
    domain = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].rstrip(">")
    EmailMessage(
        subject=letter.subject,
        body=crypto.decrypt(letter.body_encrypted or b""),
        to=[letter.to],
        # The same in all attempts: a mailbox can tell a repetition from a second letter.
        headers={"Message-ID": f"<{letter.pk}.{letter.created_at:%Y%m%d%H%M%S%f}@{domain}>"},
    ).send()


def _note_failure(letter: Mail, problem: Exception, *, at: datetime) -> None:
    gap = GAPS[min(letter.attempts, len(GAPS)) - 1]
    ours = Mail.objects.filter(UNSENT, pk=letter.pk, lease_until=letter.lease_until)
    error = f"{type(problem).__name__}: {problem}".replace("\x00", "")[:500]
    log.warning(
        "mail_failed", mail=letter.pk, kind=letter.kind, attempt=letter.attempts, error=error
    )
    if at + gap > letter.created_at + GIVEN_UP_AFTER:
        ours.update(failed_at=at, body_encrypted=None, lease_until=None, last_error=error)
    else:
        ours.update(due_at=at + gap, lease_until=None, last_error=error)


def _give_up_old(at: datetime) -> None:
    """Erase what nobody could send for a day, also where no worker was there to try."""
    Mail.objects.filter(UNSENT, _free(at), created_at__lt=at - GIVEN_UP_AFTER).update(
        failed_at=at, body_encrypted=None, lease_until=None
    )


def _free(at: datetime) -> Q:
    return Q(lease_until=None) | Q(lease_until__lte=at)


def _render(template: str, context: dict[str, Any], language: str) -> tuple[str, str]:
    app, _slash, name = template.partition("/")
    with translation.override(language) if language else nullcontext():
        text = (
            Engine.get_default()
            .get_template(f"{app}/mail/{name}.txt")
            # Plain text: escaping would turn a name's "&" into "&amp;".
            .render(Context(context, autoescape=False))
        )
    heading, _blank, body = text.lstrip().partition("\n\n")
    if not heading.startswith("Subject: "):
        raise ValueError(f'{template}: the first line must start with "Subject: "')
    return heading.removeprefix("Subject: ").strip(), body.strip() + "\n"


def _has_break(text: str) -> bool:
    return any(unicodedata.category(character) in {"Cc", "Zl", "Zp"} for character in text)
