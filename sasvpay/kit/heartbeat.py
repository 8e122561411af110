"""Heartbeats: each kind of process says now and then that it is at work."""

from datetime import datetime, timedelta
from typing import Final

from sasvpay.kit.models import Heartbeat

ALIVE_WITHIN: Final = timedelta(seconds=60)


def beat(name: str, *, at: datetime) -> None:
    """Note that this kind of process was at work."""
    Heartbeat.objects.update_or_create(name=name, defaults={"at": at})


def is_alive(name: str, *, at: datetime) -> bool:
    """Say whether it was seen within the last minute."""
    return Heartbeat.objects.filter(name=name, at__gte=at - ALIVE_WITHIN).exists()
