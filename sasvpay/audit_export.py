"""The audit sheet: its columns, and the events that a filter of the audit log selects."""

from datetime import datetime
from typing import Any

from django.db.models import F, Func, JSONField
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from orders.export import game_of
from permissions.matrix import Capability, Role
from permissions.models import MiniGame, Team
from sasvpay import trail
from sasvpay.kit import audit
from sasvpay.kit.audit import Event
from sasvpay.kit.export_columns import Column, Kind, label
from sasvpay.kit.exporting import Export, Selection, in_words, refuse_wrong
from sasvpay.trail import AuditSearchForm, Place


class _Fact(Func):
    """One of the facts, as JSON."""

    template = "(%(expressions)s -> '%(name)s')"
    output_field = JSONField()


class _OtherFacts(Func):
    """The facts without what was before and what is after."""

    template = "JSON_REMOVE(%(expressions)s, '$.before', '$.after')"
    output_field = JSONField()

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        context["template"] = "(%(expressions)s - 'before' - 'after')"
        return self.as_sql(compiler, connection, **context)


def columns() -> list[Column]:
    """Return the columns of the audit sheet."""
    return [
        Column("at", _("Time"), "at", Kind.TIME, 30),
        Column("number", _("Number"), "number", Kind.INTEGER, 10),
        Column("person", _("Person"), "actor", Kind.TEXT, 30),
        Column("role", _("Role"), label("role", Role.choices), Kind.LABEL, 28),
        Column("act", _("Act"), label("event", Event.choices), Kind.LABEL, 36),
        Column("kind", _("Kind of object"), label("object_type", trail.kinds()), Kind.LABEL, 24),
        Column("object", _("Object"), "object_label", Kind.TEXT, 30),
        Column("object_id", _("Object number"), "object_id", Kind.ID),
        Column("game", _("Mini game"), "game", Kind.ID, 24),
        Column("before", _("Before"), _Fact(F("facts"), name="before"), Kind.JSON, 36),
        Column("after", _("After"), _Fact(F("facts"), name="after"), Kind.JSON, 36),
        Column("facts", _("Other facts"), _OtherFacts(F("facts")), Kind.JSON, 36),
        Column("request", _("Request ID"), "request_id", Kind.LABEL, 38),
        Column("hash", _("Hash (SHA-256)"), "hash", Kind.LABEL, 68),
    ]


def select(place: MiniGame | Team | None, asked: QueryDict, at: datetime) -> Selection:
    """Return the events that a query string selects, those until a moment.

    Raises ListingError for what the audit log refuses too.
    """
    form = AuditSearchForm(asked, at=at)
    refuse_wrong(form)
    search = form.search()
    return Selection(search.rows(Place.of(place)).filter(at__lte=at), search.span, in_words(form))


def place_of(subject: str) -> MiniGame | Team | None:
    """Return the mini game or the team that a job is about, or None for the house."""
    if subject == audit.HOUSE:
        return None
    if subject.startswith("team:"):
        return Team.objects.get(pk=subject.removeprefix("team:"))
    return game_of(subject)


AUDIT_LOG = Export(
    kind="audit.export",
    name="audit",
    title=gettext_lazy("Audit log"),
    event=Event.AUDIT_EXPORTED,
    capability=Capability.AUDIT_EXPORT,
    columns=columns,
    select=select,
    place=place_of,
    moment="at",
)
