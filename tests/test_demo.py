"""The demo: made once, described for scripts, refused in production."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from orders.models import DeliveryConfig
from permissions.models import CallbackKey, MiniGame, Team, User
from sasvpay.kit.models import AuditEvent, Mail
from tests.architecture.world import snapshot


def _demo(**options):
    out = StringIO()
    call_command("demo", receiver_port=8001, stdout=out, **options)
    return out.getvalue()


@pytest.mark.django_db
def test_demo_makes_people_teams_and_a_game_that_can_be_paid_in():
    said = _demo()

    assert Team.objects.count() == 2
    assert User.objects.count() == 8
    assert "admin@demo.example" in said
    assert "virtual-payment-demo" in said
    ready = MiniGame.objects.get(app_id="mg_8f21c4")
    assert ready.payment_enabled
    assert ready.delivery_config.is_enabled
    assert ready.delivery_config.url == "http://127.0.0.1:8001/notify"
    assert Mail.objects.filter(to="admin@demo.example", kind="delivery_key").count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("port", "folder", "command"),
    [
        (8000, "var", "pay in it: .venv/bin/python manage.py simulate"),
        (8200, "var", "pay in it: PORT=8200 .venv/bin/python manage.py simulate"),
        (8000, "/srv", "pay in it: DATA_DIR=/srv .venv/bin/python manage.py simulate"),
    ],
)
def test_demo_names_the_command_that_pays_in_this_console(settings, port, folder, command):
    settings.PORT, settings.DATA_DIR = port, settings.BASE_DIR / folder

    assert command in _demo()


@pytest.mark.django_db
def test_demo_twice_adds_nothing():
    _demo()
    before = snapshot()

    _demo(quiet=True)

    assert snapshot() == before


@pytest.mark.django_db
def test_demo_follows_the_receiver_to_another_port_but_leaves_a_persons_url_alone():
    _demo(quiet=True)
    call_command("demo", receiver_port=9001, quiet=True)
    moved = DeliveryConfig.objects.get().url
    DeliveryConfig.objects.update(url="https://pay.example.com/deliver")

    call_command("demo", receiver_port=8001, quiet=True)

    assert moved == "http://127.0.0.1:9001/notify"
    assert DeliveryConfig.objects.get().url == "https://pay.example.com/deliver"


@pytest.mark.django_db
def test_demo_json_describes_what_a_script_needs_to_pay():
    described = json.loads(_demo(json=True))

    key = CallbackKey.objects.get()
    assert set(described) == {
        "console_url", "people", "app_id", "callback_url", "callback_key", "delivery_key",
        "receiver_url", "items",
    }  # fmt: skip
    assert described["callback_url"].endswith(f"/callback/{key.game.app_id}")
    assert {"id": "gold_100", "price_cents": 100} in described["items"]
    assert "mount_7" not in {item["id"] for item in described["items"]}  # a draft is not sold
    assert len(described["people"]) == 8


@pytest.mark.django_db
def test_demo_is_refused_in_production(settings):
    settings.PRODUCTION = True

    with pytest.raises(CommandError, match="known passwords"):
        _demo()

    assert User.objects.count() == 0
    assert AuditEvent.objects.count() == 0
