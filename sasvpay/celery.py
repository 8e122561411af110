"""The Celery app. Its beat plan is in the settings, by task name."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sasvpay.settings")

app = Celery("sasvpay")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
