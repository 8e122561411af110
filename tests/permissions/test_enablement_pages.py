"""Enable payment in the browser: who sees what, and asking for it."""

import pytest
from django.urls import reverse

from permissions import enablement
from permissions.models import CallbackKey, PaymentRequest
from sasvpay.kit import crypto
from tests.factories import AT, DeliveryConfigFactory, ItemVersionFactory
from tests.permissions.payments import EVERYBODY, PLATFORM, TEAM, address, everything, text

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("who", EVERYBODY)
def test_everybody_with_the_capability_sees_the_page_and_its_history(as_, who, game, approved):
    response = as_(who).get(address("payment", game))

    assert response.status_code == 200
    assert "Please &lt;b&gt;." in text(response)
    assert "Welcome." in text(response)


@pytest.mark.parametrize("page", ["payment", "payment-request", "callback-key"])
def test_an_outsider_is_not_told_that_the_game_exists(as_, page, game):
    assert as_("outsider").get(address(page, game)).status_code == 404


def test_nobody_gets_in_without_signing_in(client, game):
    response = client.get(address("payment", game))

    assert response.status_code == 302
    assert response["Location"].startswith(reverse("account_login"))


@pytest.mark.parametrize("who", EVERYBODY)
def test_only_the_administrator_is_offered_to_request(as_, who, game, merchant):
    page = text(as_(who).get(address("payment", game)))

    assert page.count(f'href="{address("payment-request", game)}"') == (who == "team_admin")
    assert ("Your role may not request it" in page) == (who not in ("team_admin", "reviewer"))


@pytest.mark.parametrize("who", EVERYBODY)
def test_only_the_reviewer_is_offered_to_decide(as_, who, game, pending):
    page = text(as_(who).get(address("payment", game)))

    for act in ("payment-approve", "payment-reject"):
        assert (address(act, game, pending.pk) in page) == (who == "reviewer")
    assert address("payment-disable", game, pending.pk) not in page


@pytest.mark.parametrize("who", EVERYBODY)
def test_only_the_reviewer_is_offered_to_disable_and_the_key(as_, who, game, approved):
    page = text(as_(who).get(address("payment", game)))

    for act in (address("payment-disable", game, approved.pk), address("callback-key", game)):
        assert (act in page) == (who == "reviewer")
    assert address("payment-approve", game, approved.pk) not in page


def test_the_team_sees_that_a_key_was_issued_but_not_the_key(as_, game, approved):
    secret = crypto.decrypt(bytes(CallbackKey.objects.get().secret_encrypted))

    page = text(as_("developer").get(address("payment", game)))

    assert "Callback key" in page
    assert "2026-11-20" in page
    assert secret not in page


def test_without_a_merchant_the_action_is_disabled_with_its_reason(as_, game):
    page = text(as_("team_admin").get(address("payment", game)))

    assert address("payment-request", game) not in page
    assert 'disabled aria-describedby="no-merchant"' in page
    assert "has no merchant yet" in page
    assert "A platform administrator of the superapp binds one" in page


@pytest.mark.parametrize("who", PLATFORM)
def test_whoever_may_bind_the_merchant_is_led_there(as_, who, game):
    page = text(as_(who).get(address("payment", game)))

    assert reverse("permissions:team-merchant", args=[game.team_id]) in page


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([], ["Not requested", "Request permission"]),
        (["request"], ["Pending", "a request cannot be withdrawn"]),
        (["request", "reject"], ["Rejected", "No contract.", "Request permission"]),
        (["request", "approve"], ["Approved", "Before a player can buy"]),
        (["request", "approve", "disable"], ["Disabled", "Fraud.", "Request permission"]),
    ],
    ids=["not_requested", "pending", "rejected", "approved", "disabled"],
)
def test_each_state_is_explained(as_, game, merchant, team_admin, reviewer, steps, words):
    acts = {
        "approve": lambda pk: enablement.approve(request_id=pk, by=reviewer, at=AT),
        "reject": lambda pk: enablement.reject(
            request_id=pk, by=reviewer, at=AT, note="No contract."
        ),
        "disable": lambda pk: enablement.disable(request_id=pk, by=reviewer, at=AT, note="Fraud."),
        "request": lambda _pk: enablement.request(game=game, message="m", by=team_admin, at=AT),
    }
    pk = None
    for step in steps:
        pk = acts[step](pk).pk

    page = text(as_("team_admin").get(address("payment", game)))

    for word in words:
        assert word in page


def test_the_checklist_leads_whoever_may_act(as_, game, approved):
    there = reverse("orders:config", args=[game.app_id])
    items = reverse("items:item-list", args=[game.app_id])

    steps = {
        who: as_(who).get(address("payment", game)).context["steps"]
        for who in ("team_admin", "developer", "reviewer")
    }

    assert [step.done for step in steps["team_admin"]] == [False] * 5
    assert [step.url for step in steps["team_admin"]] == [there] * 4 + [items]
    assert [step.url for step in steps["developer"]] == [""] * 4 + [items]
    assert {step.url for step in steps["reviewer"]} == {""}


def test_the_checklist_ticks_what_is_done(as_, game, approved):
    DeliveryConfigFactory(game=game)
    ItemVersionFactory(item__game=game)

    steps = as_("team_admin").get(address("payment", game)).context["steps"]

    assert [step.done for step in steps] == [True, False, True, False, True]


def test_the_page_takes_the_same_number_of_queries_however_long_its_history(
    as_, game, approved, reviewer, team_admin, django_assert_max_num_queries
):
    client = as_("team_admin")
    client.get(address("payment", game))
    with django_assert_max_num_queries(40) as short:
        client.get(address("payment", game))
    enablement.disable(request_id=approved.pk, by=reviewer, at=AT, note="off")
    for _ in range(3):
        again = enablement.request(game=game, message="m", by=team_admin, at=AT)
        enablement.reject(request_id=again.pk, by=reviewer, at=AT, note="no")
    last = enablement.request(game=game, message="m", by=team_admin, at=AT)
    enablement.approve(request_id=last.pk, by=reviewer, at=AT)

    with django_assert_max_num_queries(40) as long:
        client.get(address("payment", game))

    assert len(long) == len(short)


def test_the_administrator_requests(as_, game, merchant, team_admin):
    client = as_("team_admin")
    assert client.get(address("payment-request", game)).status_code == 200

    response = client.post(address("payment-request", game), {"message": "Line 1\r\nLine 2"})

    assert (response.status_code, response["Location"]) == (302, address("payment", game))
    made = PaymentRequest.objects.get()
    assert (made.game, made.requested_by, made.message) == (game, team_admin, "Line 1\nLine 2")


def test_a_dialog_is_answered_with_a_redirect_of_the_whole_page(as_, game, merchant):
    response = as_("team_admin").post(
        address("payment-request", game), {"message": "m"}, headers={"HX-Request": "true"}
    )

    assert (response.status_code, response["HX-Redirect"]) == (200, address("payment", game))


@pytest.mark.parametrize(
    "message",
    ["", "   ", "\r\n\t", "a\x00b", "x" * 501, "x\r\n" * 251],
    ids=["empty", "blank", "lines", "nul", "long", "long_lines"],
)
def test_a_wrong_message_is_shown_again_and_changes_nothing(as_, game, merchant, message):
    client = as_("team_admin")
    before = everything()

    response = client.post(address("payment-request", game), {"message": message})

    assert response.status_code == 422
    assert "message" in response.context["form"].errors
    assert everything() == before


@pytest.mark.parametrize("message", ["x", "x" * 500, "x\r\n" * 249 + "xx", "皮" * 500])
def test_a_message_of_1_to_500_characters_is_taken(as_, game, merchant, message):
    as_("team_admin").post(address("payment-request", game), {"message": message})

    assert PaymentRequest.objects.get().message == message.replace("\r\n", "\n")


def test_a_wrong_message_keeps_what_was_typed(as_, game, merchant):
    typed = "keep me " + "x" * 500

    response = as_("team_admin").post(address("payment-request", game), {"message": typed})

    assert typed in text(response)
    # With it a browser would cut a longer text that is pasted, without a word.
    assert "maxlength" not in text(response).partition("<textarea")[2].partition(">")[0]


def test_a_refusal_names_the_roles_that_may(as_, game, merchant):
    page = text(as_("operator").get(address("payment-request", game)))

    assert "These roles may: Mini program administrator</p>" in page


@pytest.mark.parametrize("who", [*TEAM[1:], *PLATFORM, "reviewer"])
def test_others_may_not_request(as_, who, game, merchant):
    client = as_(who)
    before = everything()

    assert client.get(address("payment-request", game)).status_code == 403
    assert client.post(address("payment-request", game), {"message": "m"}).status_code == 403

    assert everything() == before


@pytest.mark.parametrize("state", ["no_merchant", "pending", "approved"])
def test_a_request_that_is_refused_says_why_and_changes_nothing(request, as_, game, state):
    if state != "no_merchant":
        request.getfixturevalue(state)
    client = as_("team_admin")
    before = everything()

    response = client.post(address("payment-request", game), {"message": "m"}, follow=True)

    words = {"no_merchant": "no merchant", "pending": "already", "approved": "already"}[state]
    assert [words in str(message) for message in response.context["messages"]] == [True]
    assert everything() == before


@pytest.mark.parametrize("state", ["no_merchant", "pending", "approved"])
def test_there_is_no_form_where_nothing_can_be_requested(request, as_, game, state):
    if state != "no_merchant":
        request.getfixturevalue(state)

    response = as_("team_admin").get(address("payment-request", game))

    assert (response.status_code, response["Location"]) == (302, address("payment", game))
