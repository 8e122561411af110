"""The table of answers; whatever arrives, four strings come back and nothing wrong stays behind."""

import json

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from aftersales.models import Refund
from orders.models import ConflictingCallback, Delivery, Order
from permissions import callback_keys
from permissions.models import CallbackKey
from sasvpay.kit import crypto
from tests.factories import CallbackKeyFactory, MiniGameFactory
from tests.orders.callbacks import assert_answer, post, purchase, signed

TABLE = json.loads((settings.BASE_DIR / "fixtures" / "callbacks.json").read_text("utf-8"))


def assert_nothing_stored():
    assert not Order.objects.exists()
    assert not Delivery.objects.exists()
    assert not ConflictingCallback.objects.exists()


def test_callbacks_of_the_fixture_get_their_answers(client, game):
    CallbackKeyFactory(game=game, secret_encrypted=crypto.encrypt(TABLE["key"]))

    for callback in TABLE["callbacks"]:
        response = post(client, game, callback["body"].encode())

        message = assert_answer(response, callback["status"], callback["returnCode"])
        assert message == callback.get("returnMessage", message), callback["name"]

    stored = Order.objects.filter(env="0").values_list("number", flat=True)
    assert sorted(stored) == ["T202501010001", "T202501010002", "T202501010003"]
    assert Order.objects.filter(env="1").count() == 1
    assert Delivery.objects.count() == 4
    assert ConflictingCallback.objects.count() == 3
    refunds = Refund.objects.order_by("number").values_list("status", "order__number")
    assert list(refunds) == [("succeeded", "T202501010001"), ("succeeded", None)]


def test_callback_is_stored_with_its_request_id(client, paying):
    response = post(client, paying, signed(purchase(Attach=" x ")))

    order = Order.objects.get()
    assert assert_answer(response, 200, "0") == "Success"
    assert order.request_id == response["X-Request-Id"]
    assert order.payload == purchase(Attach=" x ")
    assert order.attach == " x "


def test_the_answers_request_id_is_the_one_in_the_logs(client, paying):
    with capture_logs(processors=[merge_contextvars]) as lines:
        response = post(client, paying, b"{}")

    assert {line["event"] for line in lines} >= {"callback_refused", "request_finished"}
    assert {line["request_id"] for line in lines} == {response["X-Request-Id"]}


@pytest.mark.parametrize("method", ["get", "head", "put", "patch", "delete", "options", "trace"])
def test_other_methods_are_refused(client, paying, method):
    response = getattr(client, method)(f"/callback/{paying.app_id}")

    assert response.status_code == 405
    if method != "head":
        assert_answer(response, 405, "40501")


@pytest.mark.parametrize(
    "content_type",
    ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml"],
)
def test_other_types_are_refused(client, paying, content_type):
    response = post(client, paying, signed(), content_type=content_type)

    assert_answer(response, 415, "41501")
    assert_nothing_stored()


@pytest.mark.parametrize(
    "content_type",
    ["application/json; charset=utf-8", "Application/JSON", "application/json; charset=x", ""],
)
def test_spellings_of_json_are_taken(client, paying, content_type):
    assert_answer(post(client, paying, signed(), content_type=content_type), 200, "0")


def test_size_is_limited_before_the_body_is_read(client, paying):
    fits = signed(Extra="")
    fits = signed(Extra="x" * (64 * 1024 - len(fits)))

    class Unreadable:
        def read(self, *args):
            raise AssertionError("The body was read.")

        readline = read

    assert len(fits) == 64 * 1024
    assert_answer(post(client, paying, fits + b" "), 413, "41301")
    endless = {"wsgi.input": Unreadable(), "CONTENT_LENGTH": str(64 * 1024 + 1)}
    assert_answer(post(client, paying, b"", **endless), 413, "41301")
    assert_nothing_stored()
    assert_answer(post(client, paying, fits), 200, "0")


@pytest.mark.parametrize("length", ["", "-1", "1e3", "x"])
def test_body_without_a_length_is_refused(client, paying, length):
    assert_answer(post(client, paying, signed(), CONTENT_LENGTH=length), 411, "41101")


def test_checks_come_in_their_order(client, paying):
    big = b"x" * (64 * 1024 + 1)
    path = f"/callback/{paying.app_id}"

    def code(response):
        return response.json()["returnCode"]

    assert code(client.put(path, big, content_type="text/xml")) == "40501"
    assert code(post(client, paying, big, content_type="text/xml")) == "41501"
    assert code(post(client, "unknown", big)) == "41301"
    assert code(post(client, "unknown", b"{")) == "40001"
    assert code(post(client, "unknown", signed(PayModel=1))) == "40002"
    assert code(post(client, "unknown", signed("{"))) == "40401"
    assert code(post(client, paying, signed("{", secret="other"))) == "40101"
    assert code(post(client, paying, signed("{"))) == "40001"
    assert code(post(client, paying, signed("{}"))) == "40002"
    assert_nothing_stored()


@pytest.mark.parametrize(
    "app_id", ["unknown", "a/b", "..", "%2e%2e%2f", "x" * 10_000, "%00", "é", "%ff", " ", "a.xml"]
)
def test_unknown_games_are_refused(client, paying, app_id):
    assert_answer(post(client, app_id, signed()), 404, "40401")
    assert_nothing_stored()


def test_game_without_a_key_is_unknown(client, game):
    assert_answer(post(client, game, signed()), 404, "40401")


def test_key_of_one_game_opens_no_other(client, paying):
    other = MiniGameFactory()
    CallbackKeyFactory(game=other, secret_encrypted=crypto.encrypt("o" * 64))

    assert_answer(post(client, other, signed()), 401, "40101")
    assert_nothing_stored()


def test_nothing_of_the_payload_shows_before_the_proof(client, paying):
    body = signed(purchase(Quantity=-7, OpenId="canary"), secret="other")

    response = post(client, paying, body)

    message = assert_answer(response, 401, "40101")
    assert "Quantity" not in message
    assert "canary" not in message


@pytest.mark.parametrize(
    "payload",
    [
        json.dumps(json.loads(purchase()), indent=3),
        "\n " + purchase() + " \r\n",
        purchase(Attach="中文").encode().decode("unicode_escape"),
        purchase(More={"nul": "\x00", "half": "\ud800", "huge": 10**30}),
        purchase(Env=0),
    ],
)
def test_payload_is_kept_byte_for_byte(client, paying, payload):
    assert_answer(post(client, paying, signed(payload)), 200, "0")

    assert Order.objects.get().payload == payload


def test_repeats_and_conflicts_are_told_apart(client, paying):
    first, other = signed(), signed(purchase(ActualPrice=1))

    answers = [post(client, paying, body) for body in (first, first, other, first)]

    for response, (status, code) in zip(
        answers, [(200, "0"), (200, "0"), (409, "40901"), (200, "0")], strict=True
    ):
        assert_answer(response, status, code)
    assert Order.objects.get().actual_price_cents == 100
    assert ConflictingCallback.objects.get().request_id == answers[2]["X-Request-Id"]


@pytest.mark.parametrize("accept", ["application/xml", "text/html", "*/*", "nonsense"])
def test_answer_is_json_whatever_is_accepted(client, paying, accept):
    response = client.post(
        f"/callback/{paying.app_id}?format=xml",
        signed(),
        content_type="application/json",
        headers={"accept": accept},
    )

    assert_answer(response, 200, "0")


def test_no_cross_site_token_is_needed(paying):
    client = Client(enforce_csrf_checks=True)

    assert_answer(post(client, paying, signed()), 200, "0")


def test_key_that_was_issued_elsewhere_opens_a_second_later(client, paying, reviewer):
    post(client, paying, signed())
    read_at, keys = callback_keys._known[paying.app_id]
    CallbackKey.objects.update(secret_encrypted=crypto.encrypt("new"))
    body = signed(purchase(OutTradeNo="T2"), secret="new")

    at_once = post(client, paying, body)
    callback_keys._known[paying.app_id] = (read_at - callback_keys.REREAD_SECONDS, keys)
    later = post(client, paying, body)

    assert_answer(at_once, 401, "40101")
    assert_answer(later, 200, "0")


def test_rotated_key_opens_for_a_day(client, paying, reviewer):
    callback_keys.rotate(game=paying, by=reviewer, at=timezone.now())
    assert_answer(post(client, paying, signed()), 200, "0")
    callback_keys.forget_all()
    CallbackKey.objects.filter(retires_at__isnull=False).update(retires_at=timezone.now())

    assert_answer(post(client, paying, signed()), 401, "40101")
