"""The project: a floor that knows nothing of the product (kit), and the roof that wires it."""

# Without this import `delay()` in web and commands would go to Celery's default broker.
from sasvpay.celery import app as celery_app

__all__ = ["celery_app"]
