"""Celery's part of the items: the sweep over uploads that nobody imports."""

from celery import shared_task
from django.utils import timezone

from items import leftovers


@shared_task
def discard_abandoned_imports() -> None:
    """Throw away what was uploaded a week ago and not imported."""
    leftovers.discard_abandoned(at=timezone.now())
