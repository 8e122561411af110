"""Releases of many items in one act, page time included: requested, approved, and under exemption.

    python -m tests.benchmarks.release_items --items 5000

Each act is the form's POST and the page it leads to, through every middleware, as a browser sends
it; without DATABASE_URL on SQLite. Seconds are of the clock; "own" and "server" are those of the CPU
that this process and PostgreSQL took, which no other work on the machine adds to.
"""

import argparse
import json
import os
import time

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sasvpay.settings")
import django

django.setup()

from django.db import connection  # noqa: E402 -- after the set-up
from django.test import Client  # noqa: E402 -- as above
from django.test.utils import setup_test_environment  # noqa: E402 -- as above
from django.urls import reverse  # noqa: E402 -- as above

from items.models import Item, ItemVersion, ReleaseRequest  # noqa: E402 -- as above
from permissions.matrix import HouseRole, TeamRole  # noqa: E402 -- as above
from sasvpay.kit.models import AuditEvent  # noqa: E402 -- as above
from tests.benchmarks.import_items import postgres_cpu  # noqa: E402 -- as above
from tests.factories import (  # noqa: E402 -- as above
    AT,
    ExemptionRequestFactory,
    MembershipFactory,
    MiniGameFactory,
    UserFactory,
)
from tests.items.pages import kept  # noqa: E402 -- as above


def drafts(game, by, count):
    items = Item.objects.bulk_create(
        Item(game=game, item_id=f"item_{n:06}", created_at=AT) for n in range(count)
    )
    ItemVersion.objects.bulk_create(
        ItemVersion(
            item=item, number=1, name=f"Sword {item.item_id}", price_cents=499,
            created_at=AT, changed_by=by, changed_at=AT,
        )
        for item in items
    )  # fmt: skip


def signed_in(user):
    client = Client()
    client.force_login(user)
    return client


def server_cpu():
    return postgres_cpu() if connection.vendor == "postgresql" else 0.0


def act(name, client, address, asked, expected):
    """Send a form, follow it to its page, and print what that took."""
    events = AuditEvent.objects.count()
    # What the dialog showed, which the form says again.
    asked = asked | kept(client.get(address, asked))
    before = time.perf_counter(), time.process_time(), server_cpu()
    page = client.post(address, asked, follow=True)
    after = time.perf_counter(), time.process_time(), server_cpu()
    # An act that did not do it all, and record each, is none.
    assert page.status_code == 200, page.content
    assert len(page.context["report"].done) == expected
    assert AuditEvent.objects.count() - events == expected
    assert len(page.redirect_chain) == 1
    took = [round(then - first, 2) for first, then in zip(before, after, strict=True)]
    print(name, json.dumps(dict(zip(("seconds", "own", "server"), took, strict=True))))  # noqa: T201 -- a report


def report(count):
    games = MiniGameFactory(), MiniGameFactory()
    reviewer = UserFactory(house_role=HouseRole.REVIEWER)
    ExemptionRequestFactory(
        game=games[1], status="approved", decided_by=reviewer, decided_at=AT,
    )  # fmt: skip
    people = [
        MembershipFactory(team=game.team, role=TeamRole.SENIOR_DEVELOPER).user for game in games
    ]
    for game, person in zip(games, people, strict=True):
        drafts(game, person, count)
    asked, exempt = (
        (signed_in(person), reverse("items:release-request", args=[game.app_id]))
        for game, person in zip(games, people, strict=True)
    )
    act("request", *asked, {"all": "1", "message": "All of them."}, count)
    act("approve", signed_in(reviewer), reverse("items:release-approve"), {"all": "1"}, count)
    act("release", *exempt, {"all": "1", "message": "At once."}, count)
    assert ItemVersion.objects.filter(status="released").count() == 2 * count
    assert ReleaseRequest.objects.filter(status="approved").count() == 2 * count


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--items", type=int, default=5_000)
    asked = arguments.parse_args()
    setup_test_environment()
    name = connection.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        report(asked.items)
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)


if __name__ == "__main__":
    main()
