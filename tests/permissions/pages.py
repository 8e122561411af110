"""What tests of pages say all the time."""

import time

from django.test import Client
from django.urls import reverse

from permissions.models import Membership
from sasvpay.kit.models import AuditEvent


def as_(user):
    """Return a browser in which that person is signed in."""
    browser = Client()
    browser.force_login(user)
    confirm(browser, user)
    return browser


def confirm(browser, user):
    """Have the person's sign-in confirmed just now, as some acts ask for."""
    session = browser.session
    session["account_authentication_methods"] = [
        {"method": "password", "at": time.time(), "reauthenticated": True}
    ]
    session["account_authentication_methods_user"] = str(user.pk)
    session.save()


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
