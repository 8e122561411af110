"""Celery's part of after-sales: refunds that came before their order, and the daily figures."""

from celery import shared_task
from django.utils import timezone

from aftersales import refunds, rollup


@shared_task
def attach_missed() -> None:
    """Attach refunds whose order is there all the same."""
    refunds.attach_missed(at=timezone.now())


@shared_task
def roll_up() -> None:
    """Bring the daily figures up to date."""
    rollup.sweep(at=timezone.now())
