"""Debian's Chromium, people signed in in it, and the rule that no page ever complains."""

import re

import pytest
from django.test import Client
from playwright.sync_api import expect

from permissions import callback_keys
from sasvpay.kit import ratelimit
from tests.browser.listening import Listening
from tests.browser.scene import Scene
from tests.conftest import CHROMIUM
from tests.permissions.pages import confirm

# A busy machine is slow, not wrong.
PATIENCE = 20_000
expect.set_options(timeout=PATIENCE)
# A wrong form is answered 422, a refusal 403, 404 or 429: Chromium calls each of them an error.
EXPECTED = re.compile(r"status of (403|404|422|429) ")


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    return browser_type_launch_args | {
        "executable_path": str(CHROMIUM),
        "args": [
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ],
    }


@pytest.fixture(scope="session")
def base_url():
    """Replace the plugin's, which pytest warns of; each browser is told its site."""


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args):
    return browser_context_args | {
        "locale": "en-US",
        "viewport": {"width": 1280, "height": 900},
        # What is still fading in has no contrast yet.
        "reduced_motion": "reduce",
    }


@pytest.fixture(autouse=True)
def _fresh_process():
    callback_keys.forget_all()
    ratelimit.forget_all()


@pytest.fixture
def site(live_server, settings):
    """The address of the running console; letters link to it."""
    settings.SITE_URL = live_server.url
    return live_server.url


@pytest.fixture
def complaints():
    """What browsers complained about: script errors, policy violations, missing files."""
    return []


@pytest.fixture
def open_browser(browser, browser_context_args, site, complaints):
    """Open a browser of its own, for a person or for nobody, and return its page."""
    opened = []

    def open_one(user=None, **options):
        context = browser.new_context(**browser_context_args | options, base_url=site)
        opened.append(context)
        context.set_default_timeout(PATIENCE)
        context.on("console", lambda said: note(said.type, said.text))
        context.on("weberror", lambda raised: complaints.append(str(raised.error)))
        if user:
            client = Client()
            client.force_login(user)
            confirm(client, user)
            session = client.cookies["sessionid"].value
            context.add_cookies([{"name": "sessionid", "value": session, "url": site}])
        return context.new_page()

    def note(kind, text):
        if kind in {"error", "warning"} and not EXPECTED.search(text):
            complaints.append(text)

    yield open_one
    for context in opened:
        context.close()
    assert complaints == []


@pytest.fixture
def scene(transactional_db, settings):
    """A team and games in which every page has something to show."""
    return Scene()


@pytest.fixture
def receiver():
    """A developer's server on loopback that takes notifications."""
    with Listening() as listening:
        yield listening
