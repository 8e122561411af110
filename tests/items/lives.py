"""What the tests of items share: acts in short, and whatever a refusal must not change."""

from datetime import timedelta

from items import catalog, release
from items.models import ExemptionRequest, Item, ItemVersion, ReleaseRequest
from sasvpay.kit.models import AuditEvent
from tests.factories import AT, ItemVersionFactory, ReleaseRequestFactory

LATER = AT + timedelta(hours=1)
LAST = AT + timedelta(hours=2)
Status = ItemVersion.Status


def everything():
    """Return whatever a refusal must not change."""
    return [
        list(model.objects.order_by("pk").values())
        for model in (Item, ItemVersion, ReleaseRequest, ExemptionRequest, AuditEvent)
    ]


def events():
    """Return what the audit trail remembers, in order."""
    return list(AuditEvent.objects.order_by("pk").values_list("event", flat=True))


def last_event(event):
    """Return the newest of a kind."""
    return AuditEvent.objects.filter(event=event).latest("pk")


def made(game, status, **facts):
    """Return an item with one version in a status."""
    return ItemVersionFactory(item__game=game, status=status, **facts).item


def standing(game, status, **facts):
    """Return a version in a status; one that is in review has been asked for."""
    version = ItemVersionFactory(item__game=game, status=status, **facts)
    if status == Status.IN_REVIEW:
        ReleaseRequestFactory(version=version)
    return version


def beside(item, status, number=2, **facts):
    """Return another version of an item."""
    return ItemVersionFactory(item=item, number=number, status=status, **facts)


def statuses(item):
    """Return the status of each version, the first one first."""
    return [str(each.status) for each in item.versions.order_by("number")]


def add(game, by, **facts):
    """Add an item."""
    kept = {"item_id": "sword", "name": "Sword", "price_cents": 499, "image": None, **facts}
    return catalog.add(game=game, by=by, at=AT, **kept)


def edit(item, by, **facts):
    """Change an item as somebody who has just looked at it."""
    item.refresh_from_db()
    kept = {
        "name": "Long sword",
        "price_cents": 599,
        "image": None,
        "expected_version": item.revision,
        **facts,
    }
    return catalog.edit(item=item, by=by, at=LATER, **kept)


def ask(item, by, message="Please."):
    """Ask for one item's release, and return the request."""
    [outcome] = release.request(game=item.game, item_ids=[item.pk], message=message, by=by, at=AT)
    assert outcome.ok, outcome.message
    return ReleaseRequest.objects.filter(version__item=item).latest("pk")


def told(outcomes):
    """Return of each outcome whether it was done."""
    return [outcome.ok for outcome in outcomes]
