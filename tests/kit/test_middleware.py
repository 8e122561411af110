"""The short way of machines, and what it keeps of the long one."""

import pytest
from structlog.contextvars import get_contextvars, merge_contextvars
from structlog.testing import capture_logs

from tests.factories import CallbackKeyFactory
from tests.orders.callbacks import assert_answer, post, signed


@pytest.fixture
def paying(game):
    CallbackKeyFactory(game=game)
    return game


def test_a_machine_is_answered_without_a_session(client, paying):
    response = post(client, paying, signed())

    assert_answer(response, 200, "0")
    assert not hasattr(response.wsgi_request, "session")
    assert "Vary" not in response
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Length"] == str(len(response.content))


def test_a_person_is_not(client, db):
    response = client.get("/account/login", follow=True)

    assert response.status_code == 200
    assert hasattr(response.wsgi_request, "session")


def test_what_begins_like_a_machines_path_and_is_none_gets_the_usual_page(client, db):
    response = client.post("/callback/")

    assert response.status_code == 404
    assert response["Content-Type"].startswith("text/html")


def test_a_machine_is_led_to_https_too(client, paying, settings):
    settings.SECURE_SSL_REDIRECT = True

    response = client.generic(
        "POST", f"/callback/{paying.app_id}", signed(), content_type="application/json"
    )

    assert response.status_code == 301
    assert response["Location"].startswith("https://")


def test_a_machines_request_is_one_line_and_leaves_nothing_for_the_next(client, paying):
    with capture_logs(processors=[merge_contextvars]) as lines:
        response = post(client, paying, b"{}", REMOTE_ADDR="192.0.2.7", QUERY_STRING="a=1")

    [line] = [line for line in lines if line["event"] == "request_finished"]
    assert line["code"] == 400
    assert line["request"] == f"POST /callback/{paying.app_id}?a=1"
    assert line["request_id"] == response["X-Request-Id"]
    assert line["ip"] == "192.0.2.7"
    assert get_contextvars() == {}
