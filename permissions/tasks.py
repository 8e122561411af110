"""Celery's part of people and teams."""

from celery import shared_task
from django.utils import timezone

from permissions import anchors


@shared_task
def send_audit_anchor() -> None:
    """Have the ends of the audit trail leave this machine."""
    anchors.send(at=timezone.now())
