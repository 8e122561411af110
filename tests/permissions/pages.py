"""What tests of pages say all the time."""

from django.test import Client
from django.urls import reverse

from permissions.models import Membership
from sasvpay.kit.models import AuditEvent


def as_(user):
    """Return a browser in which that person is signed in."""
    browser = Client()
    browser.force_login(user)
    return browser


def url(name, *args):
    return reverse(f"permissions:{name}", args=args)


def membership(user):
    return Membership.objects.get(user=user)


def place(answer):
    """Return where an answer leads."""
    return answer.headers["Location"]


def facts(event):
    """Return the facts of the last event of a kind."""
    return AuditEvent.objects.filter(event=event).order_by("-pk").values_list("facts", flat=True)[0]
