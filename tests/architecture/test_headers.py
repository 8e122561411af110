"""Pages that need no account, faults and files tell browsers the same as all others do.

Of every guarded route the access sweep looks at each answer.
"""

import os
import subprocess
import sys

import pytest
from django.test import Client, override_settings
from django.urls import path

from permissions.access import public
from tests.architecture.headers import assert_told
from tests.orders.callbacks import post
from tests.permissions.pages import as_
from tests.processes.console import ROOT

pytestmark = pytest.mark.django_db


def _broken(request):
    raise ValueError("A bug.")


urlpatterns = [path("broken", public("a bug, for this test")(_broken))]


@override_settings(ROOT_URLCONF=__name__)
def test_a_fault_of_ours_tells_browsers_what_they_may_not_do():
    answer = Client(raise_request_exception=False).get("/broken")

    assert answer.status_code == 500
    assert_told(answer)


def test_every_page_tells_browsers_what_they_may_not_do(client, team_admin):
    pages = (
        "/account/login", "/account/password/reset", "/healthz", "/readyz", "/metrics",
        "/api/docs", "/api/schema", "/nowhere", "/",
    )  # fmt: skip
    answers = [client.get(page) for page in pages]
    answers += [
        client.post("/account/login", {"login": "a@example.com", "password": "wrong"}),
        as_(team_admin).get("/"),
        as_(team_admin).get("/profile"),
        Client(enforce_csrf_checks=True).post("/account/login", {}),
    ]

    for answer in answers:
        assert_told(answer)
    assert {200, 302, 403, 404} <= {answer.status_code for answer in answers}


def test_an_answer_to_a_machine_is_data_that_no_browser_takes_for_a_page(client, game):
    answer = post(client, game, b"{")

    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert not answer.cookies


def test_production_tells_browsers_to_stay_with_https(tmp_path):
    """Django's own check --deploy looks at the rest of the production configuration."""
    asked = (
        "from django.conf import settings as s; print(s.SECURE_HSTS_SECONDS, s.SECURE_SSL_REDIRECT,"
        " s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE, s.LANGUAGE_COOKIE_SECURE,"
        " s.SESSION_COOKIE_AGE, s.SESSION_IDLE_SECONDS)"
    )
    production = {
        "PRODUCTION": "1", "DATA_DIR": str(tmp_path), "DATABASE_URL": "postgres://db/console",
        "SITE_URL": "https://console.example", "ALLOWED_HOSTS": "console.example",
        "EMAIL_URL": "smtp://mail.example:25", "SECRET_KEY": "x" * 50, "MASTER_KEYS": "k" * 43 + "=",
        "CA_CERT": "ca.crt", "CA_KEY": "ca.key", "DJANGO_SETTINGS_MODULE": "sasvpay.settings",
    }  # fmt: skip
    said = subprocess.run(
        [sys.executable, "-c", asked],
        cwd=ROOT, env=os.environ | production, capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert said.stdout.split() == [str(365 * 24 * 3600), *["True"] * 4, str(12 * 3600), "1800"]
