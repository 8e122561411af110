"""Celery's part of the refunds: their daily figures."""

from celery import shared_task
from django.utils import timezone

from aftersales import rollup


@shared_task
def roll_up() -> None:
    """Bring the daily figures up to date."""
    rollup.sweep(at=timezone.now())
