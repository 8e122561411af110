"""Celery's part of the orders: sweeps over what is owed."""

from celery import shared_task
from django.utils import timezone

from orders import certificates, delivery, delivery_config, receivers, rollup


@shared_task
def release_expired_leases() -> None:
    """Make due again what a dispatcher held when it died."""
    delivery.release_expired(at=timezone.now())


@shared_task
def follow_switches() -> None:
    """Move orders that came while somebody switched notification on or off."""
    delivery_config.follow_switch(at=timezone.now())


@shared_task
def roll_up() -> None:
    """Bring the daily figures up to date."""
    rollup.sweep(at=timezone.now())


@shared_task
def warn_of_expiring_certificates() -> None:
    """Write to the teams whose certificates end soon."""
    certificates.warn(at=timezone.now())


@shared_task
def tell_paused_receivers() -> None:
    """Write to the teams whose servers have failed for long."""
    receivers.tell_paused(at=timezone.now())
