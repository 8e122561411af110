"""What waits for the reviewer, oldest first, of all teams or one."""

from datetime import timedelta

import pytest
from django.urls import reverse

from tests.factories import AT, MerchantFactory, PaymentRequestFactory
from tests.permissions.payments import PLATFORM, TEAM, address, text

pytestmark = pytest.mark.django_db


def test_the_queue_shows_what_waits_oldest_first(as_, pending, game):
    older = PaymentRequestFactory(requested_at=AT - timedelta(days=2), message="I wait longer.")

    response = as_("reviewer").get(reverse("review-queue"))

    assert response.status_code == 200
    assert [entry.request for entry in response.context["entries"]] == [older, pending]
    for word in (game.name, game.team.name, "Please &lt;b&gt;.", "I wait longer.", "Merchant"):
        assert word in text(response)
    assert address("payment-approve", game, pending.pk) in text(response)


def test_the_queue_is_filtered_by_team(as_, pending, team):
    other = PaymentRequestFactory()
    client = as_("reviewer")

    def shown(team_id):
        entries = client.get(reverse("review-queue"), {"team": team_id}).context["entries"]
        return [entry.request for entry in entries]

    assert shown(team.pk) == [pending]
    assert shown(other.game.team_id) == [other]
    assert shown("") == [pending, other]
    for unknown in (MerchantFactory().team.pk, 0, -1, "x", "9" * 30, "\x00"):
        assert shown(unknown) == []


def test_an_empty_queue_says_so(as_, approved):
    assert "Nothing waits for you" in text(as_("reviewer").get(reverse("review-queue")))


@pytest.mark.parametrize("who", [*TEAM, *PLATFORM, "outsider"])
def test_the_queue_is_the_reviewers(as_, who, pending):
    assert as_(who).get(reverse("review-queue")).status_code == 403


def test_the_queue_takes_the_same_number_of_queries_at_one_and_three_rows(
    as_, pending, django_assert_max_num_queries
):
    client = as_("reviewer")
    client.get(reverse("review-queue"))
    with django_assert_max_num_queries(40) as one:
        client.get(reverse("review-queue"))
    for _ in range(2):
        MerchantFactory(team=PaymentRequestFactory().game.team)

    with django_assert_max_num_queries(40) as three:
        client.get(reverse("review-queue"))

    assert len(three) == len(one)
