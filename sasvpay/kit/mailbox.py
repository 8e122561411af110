"""Mail in development: each letter becomes a file, and the console says where."""

import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from django.conf import settings
from django.core.mail import EmailMessage  # noqa: TID251 -- a backend of Django's mail
from django.core.mail.backends.base import (  # noqa: TID251 -- a backend of Django's mail
    BaseEmailBackend,
)


class MailboxBackend(BaseEmailBackend):
    """Writes letters to DATA_DIR/mail, for their owner only, and their subjects to the console."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Write the letters, and return how many."""
        folder = Path(settings.DATA_DIR) / "mail"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for message in email_messages:
            path = _write(folder, message.message().as_bytes())
            sys.stdout.write(
                f"mail to {', '.join(message.recipients())}: {message.subject} ({path})\n"
            )
        sys.stdout.flush()
        return len(email_messages)


def _write(folder: Path, letter: bytes) -> Path:
    stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%S}"
    for number in count(1):
        path = folder / f"{stamp}-{number}.eml"
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            continue
        with os.fdopen(descriptor, "wb") as file:
            file.write(letter)
        return path
    raise AssertionError("count() has no end")
