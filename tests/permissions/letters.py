"""What tests read out of the outbox."""

import re

from sasvpay.kit import crypto
from sasvpay.kit.models import Mail


def bodies(to):
    letters = Mail.objects.filter(to=to).order_by("pk")
    return [crypto.decrypt(bytes(letter.body_encrypted or b"")) for letter in letters]


def link(to):
    """Return the path of the link in the last letter."""
    return re.findall(r"https?://[^/\s]+(/\S+)", bodies(to)[-1])[0]


def token(to):
    return link(to).rpartition("/")[2]
