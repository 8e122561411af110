"""What became of an item's requests for release, in words."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.utils.translation import gettext as _

from items.models import Item, ReleaseRequest

_LATEST: Final = 50
Status = ReleaseRequest.Status


@dataclass(frozen=True)
class Moment:
    """One thing that happened: who, when, and in which words."""

    title: str
    at: datetime
    actor: object
    tone: str
    message: str = ""
    note: str = ""


def history(item: Item) -> list[Moment]:
    """Return what happened to an item's requests, newest first."""
    requests = (
        ReleaseRequest.objects.filter(version__item=item)
        .select_related("version", "requested_by", "decided_by", "withdrawn_by")
        .order_by("-pk")[:_LATEST]
    )
    return [moment for request in requests for moment in _moments(request)]


def _moments(request: ReleaseRequest) -> Iterator[Moment]:
    number = {"number": request.version.number}
    if request.decided_at and request.status == Status.WITHDRAWN:
        title = _("Version %(number)s withdrawn") % number
        yield Moment(title, request.decided_at, request.withdrawn_by, "neutral")
    elif request.decided_at and request.status == Status.REJECTED:
        title = _("Version %(number)s rejected") % number
        yield Moment(title, request.decided_at, request.decided_by, "danger", note=request.note)
    elif request.decided_at:
        title = _("Version %(number)s released") % number
        actor = request.decided_by or _("exempt from approval")
        yield Moment(title, request.decided_at, actor, "success", note=request.note)
    title = _("Release of version %(number)s requested") % number
    yield Moment(title, request.requested_at, request.requested_by, "info", request.message)
