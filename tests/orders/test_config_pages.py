"""Basic configuration as people of each role use it."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from orders.models import DeliveryConfig, DeliveryKey, DeliveryStatus, Env, Order, TestPush
from sasvpay.kit.models import Mail
from tests.architecture.world import snapshot
from tests.factories import (
    DELIVERY_SECRET,
    PASSWORD,
    DeliveryConfigFactory,
    DeliveryFactory,
    DeliveryKeyFactory,
)
from tests.orders.dispatching import receiving
from tests.permissions.pages import confirm

pytestmark = pytest.mark.django_db
URL = "https://pay.example.com/deliver"
CHANGING = ("config-edit", "config-on", "config-off", "test-push", "key-rotate")


def url(game, name="config"):
    return reverse(f"orders:{name}", args=[game.app_id])


def signed_in(user, *, confirmed=False):
    client = Client()
    client.force_login(user)
    if confirmed:
        confirm(client, user)
    return client


@pytest.fixture
def client(senior_developer):
    return signed_in(senior_developer, confirmed=True)


def page_of(client, game):
    response = client.get(url(game))
    assert response.status_code == 200
    return response.content.decode()


# --- The page ---------------------------------------------------------------------------------


def test_before_the_first_save_the_page_says_what_to_do(client, game):
    page = page_of(client, game)

    assert "No URL yet" in page
    assert "There is no Test URL" not in page
    assert page.count("disabled aria-describedby") == 3


def test_the_page_shows_urls_key_and_certificate_but_never_the_key(client, game):
    DeliveryConfigFactory(game=game, url=URL, test_url="")
    key = DeliveryKeyFactory(game=game)

    page = page_of(client, game)

    for words in (URL, key.serial, key.fingerprint, key.sent_to, "2027-11-20", "Signs now"):
        assert words in page
    assert DELIVERY_SECRET not in page
    assert "There is no Test URL" in page


@pytest.mark.parametrize(("scheme", "is_warned"), [("http", True), ("https", False)])
def test_a_url_that_is_not_encrypted_gets_a_warning(client, game, scheme, is_warned):
    DeliveryConfigFactory(game=game, url=f"{scheme}://pay.example.com/deliver")

    assert ("not encrypted" in page_of(client, game)) == is_warned


def test_held_orders_are_named_with_what_to_do(client, game):
    DeliveryConfigFactory(game=game, is_enabled=True)
    for env in (Env.LIVE, Env.TEST):
        DeliveryFactory(order__game=game, order__env=env, status=DeliveryStatus.HELD)

    page = page_of(client, game)

    assert "Push held orders" in page
    assert "One test order is held because there is no Test URL" in page


def test_a_key_that_signs_later_stands_beside_the_one_in_use(client, game):
    DeliveryConfigFactory(game=game)
    DeliveryKeyFactory(game=game)
    coming = DeliveryKeyFactory(game=game, active_from=timezone.now() + timedelta(hours=1))

    page = page_of(client, game)

    assert coming.serial in page
    assert "Signs later" in page


def test_a_letter_that_could_not_be_delivered_is_told(client, game):
    DeliveryConfigFactory(game=game)
    key = DeliveryKeyFactory(game=game)
    Mail.objects.create(
        to=key.sent_to, subject="s", kind="delivery_key", created_at=key.issued_at,
        due_at=key.issued_at, failed_at=key.issued_at,
    )  # fmt: skip

    assert "could not be delivered" in page_of(client, game)


@pytest.mark.parametrize("name", ["developer", "operator", "platform_admin", "super_admin"])
def test_who_may_not_change_it_sees_no_button_and_changes_nothing(request, game, name):
    client = signed_in(request.getfixturevalue(name), confirmed=True)
    DeliveryConfigFactory(game=game, test_url=URL)
    DeliveryKeyFactory(game=game)
    page, before = page_of(client, game), snapshot()

    answers = [client.post(url(game, each), {"url": URL}) for each in CHANGING]

    assert [answer.status_code for answer in answers] == [403] * len(CHANGING)
    assert snapshot() == before
    assert not any(url(game, each) in page for each in CHANGING)


@pytest.mark.parametrize("name", ["team_admin", "senior_developer"])
def test_who_may_change_it_sees_the_buttons(request, game, name):
    client = signed_in(request.getfixturevalue(name))
    DeliveryConfigFactory(game=game, test_url=URL, is_enabled=False)
    DeliveryKeyFactory(game=game)

    page = page_of(client, game)

    for each in ("config-edit", "config-on", "test-push", "key-rotate"):
        assert f'"{url(game, each)}"' in page


def test_the_reviewer_and_outsiders_see_nothing(reviewer, outsider, game):
    assert signed_in(reviewer).get(url(game)).status_code == 403
    assert signed_in(outsider).get(url(game)).status_code == 404


# --- Configure --------------------------------------------------------------------------------


def test_the_first_save_goes_back_and_says_where_the_key_went(client, senior_developer, game):
    answer = client.post(
        url(game, "config-edit"), {"url": f" {URL} ", "test_url": URL}, follow=True
    )

    assert answer.redirect_chain == [(url(game), 302)]
    config = DeliveryConfig.objects.get()
    assert (config.url, config.test_url) == (URL, URL)
    assert f"on their way to {senior_developer.email}" in answer.content.decode()


def test_in_the_dialog_a_save_sends_the_browser_on(client, game):
    answer = client.post(url(game, "config-edit"), {"url": URL}, headers={"HX-Request": "true"})

    assert answer["HX-Redirect"] == url(game)


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ({}, "url", "Enter the URL"),
        ({"url": "ftp://pay.example.com/"}, "url", "must start with http:// or https://"),
        ({"url": "https://pay.example.com:8443/"}, "url", "usual port"),
        ({"url": "https://a:b@pay.example.com/"}, "url", "user name or password"),
        ({"url": "https://pay.example.com/#x"}, "url", "fragment"),
        ({"url": URL, "test_url": "http://127.0.0.1/"}, "test_url", "public"),
        ({"url": "https://pay.example.com/" + "x" * 2000}, "url", "2000"),
        ({"url": "https://pay.example.com/\0"}, "url", "Null characters"),
    ],
)
def test_a_wrong_url_is_told_at_its_field_and_kept_in_the_form(
    client, game, settings, body, field, words
):
    settings.DELIVERY_ALLOW_PRIVATE = False

    answer = client.post(url(game, "config-edit"), body)

    assert answer.status_code == 422
    assert words in answer.context["form"].errors[field][0]
    assert f'id="id_{field}_error"' in answer.content.decode()
    assert body.get("url", "")[:40] in answer.content.decode()
    assert DeliveryConfig.objects.count() == DeliveryKey.objects.count() == 0


def test_the_form_shows_what_is_saved(client, game):
    DeliveryConfigFactory(game=game, url=URL)

    page = client.get(url(game, "config-edit")).content.decode()

    assert f'value="{URL}"' in page
    assert "you request a certificate" not in page


# --- The switch -------------------------------------------------------------------------------


def test_switching_on_asks_about_waiting_orders_first(client, game):
    DeliveryConfigFactory(game=game, is_enabled=False)
    DeliveryFactory(order__game=game, status=DeliveryStatus.HELD, order__delivery_status="held")

    asked = client.get(url(game, "config-on")).content.decode()
    unanswered = client.post(url(game, "config-on"))
    was_on = DeliveryConfig.objects.get().is_enabled
    answered = client.post(url(game, "config-on"), {"held": "push"}, follow=True)

    assert "One order is held and waits" in asked
    assert (unanswered.status_code, was_on) == (422, False)
    assert "one waiting order is being pushed" in answered.content.decode()
    assert Order.objects.get().delivery_status == DeliveryStatus.WAITING


def test_switching_on_without_waiting_orders_asks_nothing(client, game):
    DeliveryConfigFactory(game=game, is_enabled=False)

    answer = client.post(url(game, "config-on"))

    assert (answer.status_code, answer.url) == (302, url(game))
    assert DeliveryConfig.objects.get().is_enabled


def test_keeping_the_waiting_orders_leaves_them_held(client, game):
    DeliveryConfigFactory(game=game, is_enabled=False)
    DeliveryFactory(order__game=game, status=DeliveryStatus.HELD)

    client.post(url(game, "config-on"), {"held": "keep"})

    assert DeliveryConfig.objects.get().is_enabled
    assert Order.objects.get().delivery_status == DeliveryStatus.HELD


def test_while_it_is_on_held_orders_are_pushed_without_a_question(client, game):
    DeliveryConfigFactory(game=game)
    DeliveryFactory(order__game=game, status=DeliveryStatus.HELD)

    asked = client.get(url(game, "config-on")).content.decode()
    client.post(url(game, "config-on"))

    assert "Push held orders" in asked
    assert 'name="held"' not in asked
    assert Order.objects.get().delivery_status == DeliveryStatus.WAITING


def test_switching_off_asks_once_more(client, game):
    DeliveryConfigFactory(game=game)

    asked = client.get(url(game, "config-off"))
    still_on = DeliveryConfig.objects.get().is_enabled
    client.post(url(game, "config-off"))

    assert asked.status_code == 200
    assert still_on
    assert not DeliveryConfig.objects.get().is_enabled


def test_switching_before_a_url_is_saved_is_refused_in_words(client, game):
    answer = client.post(
        url(game, "config-on"), headers={"Referer": f"http://testserver{url(game)}"}, follow=True
    )

    assert "Save a URL first" in answer.content.decode()


# --- Keys -------------------------------------------------------------------------------------


def test_a_new_key_needs_the_sign_in_confirmed_again(senior_developer, game):
    DeliveryKeyFactory(game=game)
    client = signed_in(senior_developer)

    for answer in (
        client.get(url(game, "key-rotate")),
        client.post(url(game, "key-rotate"), {"when": "0"}),
    ):
        assert answer.status_code == 302
        assert answer.url.startswith(reverse("account_reauthenticate"))
    assert DeliveryKey.objects.count() == 1


def test_after_confirming_the_sign_in_the_form_is_there(senior_developer, game):
    DeliveryKeyFactory(game=game)
    client = signed_in(senior_developer)
    asked = client.get(url(game, "key-rotate"))

    back = client.post(asked.url, {"password": PASSWORD}, follow=True)

    assert back.redirect_chain[-1][0] == url(game, "key-rotate")
    assert 'name="when"' in back.content.decode()


@pytest.mark.parametrize(("when", "hours"), [("0", 0), ("6", 6), ("24", 24)])
def test_a_new_key_is_issued_for_the_chosen_moment(senior_developer, game, when, hours):
    DeliveryKeyFactory(game=game)
    client, before = signed_in(senior_developer, confirmed=True), timezone.now()

    answer = client.post(url(game, "key-rotate"), {"when": when}, follow=True)

    key = DeliveryKey.objects.latest("pk")
    assert before <= key.active_from - timedelta(hours=hours) <= timezone.now()
    assert f"on their way to {senior_developer.email}" in answer.content.decode()


def test_a_time_of_ones_own_is_taken_within_a_day(senior_developer, game):
    DeliveryKeyFactory(game=game)
    client = signed_in(senior_developer, confirmed=True)
    moment = timezone.localtime(timezone.now() + timedelta(hours=3)).replace(
        second=0, microsecond=0
    )

    client.post(url(game, "key-rotate"), {"when": "custom", "moment": f"{moment:%Y-%m-%dT%H:%M}"})

    assert DeliveryKey.objects.latest("pk").active_from == moment


def test_the_present_minute_means_now(senior_developer, game):
    DeliveryKeyFactory(game=game)
    client, now = signed_in(senior_developer, confirmed=True), timezone.localtime()

    client.post(url(game, "key-rotate"), {"when": "custom", "moment": f"{now:%Y-%m-%dT%H:%M}"})

    assert DeliveryKey.objects.latest("pk").active_from >= now - timedelta(minutes=1)
    assert DeliveryKey.objects.count() == 2


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ({}, "when", "required"),
        ({"when": "99"}, "when", "not one of the available choices"),
        ({"when": "custom"}, "moment", "Enter the date and time"),
        ({"when": "custom", "moment": "soon"}, "moment", "Enter a date and a time"),
        ({"when": "custom", "moment": "2020-01-01T00:00"}, "moment", "within|between now"),
        ({"when": "custom", "moment": "2099-01-01T00:00"}, "moment", "within|between now"),
    ],
)
def test_a_wrong_moment_is_told_at_its_field(senior_developer, game, body, field, words):
    DeliveryKeyFactory(game=game)

    answer = signed_in(senior_developer, confirmed=True).post(url(game, "key-rotate"), body)

    assert answer.status_code == 422
    assert any(word in answer.context["form"].errors[field][0] for word in words.split("|"))
    assert DeliveryKey.objects.count() == 1


# --- Test notification ------------------------------------------------------------------------


def test_a_test_notification_is_sent_and_the_last_one_stays_on_the_page(client, game):
    with receiving(lambda body: (200, b'{"returnCode":"0","data":"<nope>"}')) as server:
        DeliveryConfigFactory(game=game, test_url=server.url)
        DeliveryKeyFactory(game=game)

        sent = client.post(url(game, "test-push"))

    push = TestPush.objects.get()
    assert sent.url == url(game) + "#test"
    page = page_of(client, game)
    for words in (
        "must be &quot;OK&quot;", "data is &quot;&lt;nope&gt;&quot;", "HTTP&nbsp;200", push.signature,
        "minigame_game_pay_goods_deliver_notify&amp;", server.url,
    ):  # fmt: skip
        assert words in page


def test_a_refused_test_notification_is_told_in_words(client, game):
    DeliveryConfigFactory(game=game)

    answer = client.post(
        url(game, "test-push"), headers={"Referer": f"http://testserver{url(game)}"}, follow=True
    )

    assert "There is no Test URL" in answer.content.decode()
    assert client.get(url(game, "test-push")).status_code == 405
