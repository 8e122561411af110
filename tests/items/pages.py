"""What the tests of item pages share."""

import re
from html import unescape

from django.test import Client
from django.urls import reverse


def as_(user):
    """Return a browser in which that person is signed in."""
    client = Client()
    client.force_login(user)
    return client


def url(name, game, *args, **query):
    """Return the address of a page about a game's items."""
    return reverse(f"items:{name}", args=[game.app_id, *args], query=query or None)


def text(response, status=200):
    """Return what a page says."""
    assert response.status_code == status
    return response.content.decode()


def said(response):
    """Return the messages that the next page shows."""
    return [str(message) for message in response.wsgi_request._messages]


def kept(response):
    """Return what a page's hidden fields send along, as a browser without JavaScript would."""
    hidden = r'<input type="hidden" name="(\w+)" value="([^"]*)">'
    return {name: unescape(value) for name, value in re.findall(hidden, text(response))}
