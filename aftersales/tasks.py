"""Celery's part of after-sales: a sweep over refunds that came before their order."""

from celery import shared_task
from django.utils import timezone

from aftersales import refunds


@shared_task
def attach_missed() -> None:
    """Attach refunds whose order is there all the same."""
    refunds.attach_missed(at=timezone.now())
