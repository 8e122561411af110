"""The reviewer decides in the browser, once, under the right game; nobody else does."""

import pytest

from tests.factories import MiniGameFactory, PaymentRequestFactory
from tests.permissions.payments import PLATFORM, TEAM, address, everything, text

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("note", ["", "Welcome."])
def test_the_reviewer_approves(as_, game, pending, reviewer, note):
    client = as_("reviewer")
    url = address("payment-approve", game, pending.pk)
    page = client.get(url)
    assert (page.status_code, "Please &lt;b&gt;." in text(page)) == (200, True)

    response = client.post(url, {"note": note})

    assert (response.status_code, response["Location"]) == (302, address("payment", game))
    pending.refresh_from_db()
    assert (pending.status, pending.decided_by, pending.note) == ("approved", reviewer, note)


def test_the_reviewer_rejects_and_disables_with_a_note(as_, game, approved):
    other = PaymentRequestFactory()
    client = as_("reviewer")

    client.post(address("payment-reject", other.game, other.pk), {"note": "No contract."})
    client.post(address("payment-disable", game, approved.pk), {"note": "Fraud."})

    other.refresh_from_db()
    approved.refresh_from_db()
    game.refresh_from_db()
    assert (other.status, other.note) == ("rejected", "No contract.")
    assert (approved.end_note, game.payment_enabled) == ("Fraud.", False)


@pytest.mark.parametrize("act", ["reject", "disable"])
@pytest.mark.parametrize(
    "note", ["", "  ", "a\x00b", "x" * 501], ids=["empty", "blank", "nul", "long"]
)
def test_a_refusal_without_a_proper_note_is_shown_again(request, as_, game, act, note):
    subject = request.getfixturevalue("pending" if act == "reject" else "approved")
    client = as_("reviewer")
    before = everything()

    response = client.post(address(f"payment-{act}", game, subject.pk), {"note": note})

    assert response.status_code == 422
    assert "note" in response.context["form"].errors
    assert everything() == before


@pytest.mark.parametrize("who", [*TEAM, *PLATFORM])
@pytest.mark.parametrize("act", ["approve", "reject", "disable"])
def test_others_may_not_decide(request, as_, who, act, game):
    subject = request.getfixturevalue("approved" if act == "disable" else "pending")
    url = address(f"payment-{act}", game, subject.pk)
    client = as_(who)
    before = everything()

    assert client.get(url).status_code == 403
    assert client.post(url, {"note": "n"}).status_code == 403

    assert everything() == before


@pytest.mark.parametrize("act", ["approve", "reject"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_stale_decision_is_told_and_changes_nothing(as_, game, approved, act, method):
    client = as_("reviewer")
    before = everything()

    url = address(f"payment-{act}", game, approved.pk)
    response = getattr(client, method)(url, {"note": "late"}, follow=True)

    assert response.redirect_chain == [(address("payment", game), 302)]
    told = [str(message) for message in response.context["messages"]]
    assert told == ["This request is “Approved” by now. Nothing was changed."]
    assert everything() == before


def test_a_request_is_decided_under_its_own_game_only(as_, pending):
    other = MiniGameFactory()
    client = as_("reviewer")
    before = everything()

    for act in ("approve", "reject", "disable"):
        url = address(f"payment-{act}", other, pending.pk)
        assert client.post(url, {"note": "n"}).status_code == 404

    assert everything() == before


def test_a_reviewer_does_not_decide_what_they_asked_for_in_an_earlier_role(
    client, game, merchant, reviewer
):
    own = PaymentRequestFactory(game=game, requested_by=reviewer)
    client.force_login(reviewer)
    before = everything()

    response = client.post(address("payment-approve", game, own.pk), {"note": ""}, follow=True)

    assert ["own request" in str(m) for m in response.context["messages"]] == [True]
    assert everything() == before
