"""The audit trail as it is searched: whose chain, and what of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.apps import apps
from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from orders.filters import Period, days_of_default, span_of
from permissions.models import MiniGame, Team
from sasvpay import changes
from sasvpay.kit import audit
from sasvpay.kit.audit import Event
from sasvpay.kit.listing import ListingError, Range
from sasvpay.kit.models import AuditEvent

ISO_DAY = "%Y-%m-%d"


@dataclass(frozen=True)
class Place:
    """What a page of the trail is about: a chain, or the part of it that is one mini game's."""

    chain: str
    game: str = ""

    @classmethod
    def of(cls, place: MiniGame | Team | None) -> "Place":
        """Return where a mini game, a team or (None) the house is remembered."""
        if isinstance(place, MiniGame):
            return cls(audit.chain_of(place.team_id), place.app_id)
        return cls(audit.chain_of(place.pk if place else None))


@dataclass(frozen=True)
class AuditSearch:
    """What was asked of the trail."""

    span: Range
    person: str = ""
    event: str = ""
    kind: str = ""
    subject: str = ""

    def rows(self, place: Place) -> "QuerySet[AuditEvent]":
        """Return the events that fit, not yet ordered."""
        # Chain and time first, always: it is what the indexes begin with.
        found = AuditEvent.objects.filter(
            chain=place.chain, at__gte=self.span.since, at__lt=self.span.until
        )
        asked = {
            "game": place.game,
            "actor": self.person,
            "event": self.event,
            "object_type": self.kind,
        }
        found = found.filter(**{name: value for name, value in asked.items() if value})
        if self.subject:
            found = found.filter(
                Q(object_id=self.subject) | Q(object_label__icontains=self.subject)
            )
        return found


def kinds() -> list[tuple[str, Any]]:
    """Return all kinds of objects that events can be about, by what they are called."""
    names = [model.__name__ for model in apps.get_models() if hasattr(model, "audit_team_id")]
    return sorted(((name, changes.kind_label(name)) for name in names), key=lambda one: str(one[1]))


def _text(label: Any, placeholder: Any, **attributes: str) -> forms.CharField:
    shown = {
        "type": "search",
        "class": "input",
        "autocomplete": "off",
        "spellcheck": "false",
        "placeholder": placeholder,
    }
    widget = forms.TextInput(attrs=shown | attributes)
    return forms.CharField(label=label, required=False, max_length=200, widget=widget)


def _choice(label: Any, choices: Any) -> forms.ChoiceField:
    widget = forms.Select(attrs={"class": "input"})
    return forms.ChoiceField(label=label, required=False, choices=choices, widget=widget)


def _day(label: Any) -> forms.DateField:
    widget = forms.DateInput(attrs={"type": "date", "class": "input"}, format=ISO_DAY)
    return forms.DateField(label=label, required=False, widget=widget, input_formats=[ISO_DAY])


class AuditSearchForm(forms.Form):
    """What the trail is searched by."""

    person = _text(_("Person"), _("E-mail of a person"), **{"aria-keyshortcuts": "/"})
    subject = _text(_("Object"), _("Name or number"))
    event = _choice(_("Act"), lambda: [("", _("Any act")), *Event.choices])
    kind = _choice(_("Kind of object"), lambda: [("", _("Any object")), *kinds()])
    period = _choice(_("Time range"), Period.choices)
    since = _day(_("From"))
    until = _day(_("To"))

    def __init__(self, asked: QueryDict, *, at: datetime) -> None:
        self._at = at
        if asked.get("period") == Period.CUSTOM and not (asked.get("since") or asked.get("until")):
            # Whoever just chose "Custom" begins with the dates that were shown.
            first, last = days_of_default(at)
            asked = asked.copy()
            asked["since"], asked["until"] = first.isoformat(), last.isoformat()
        super().__init__(asked)

    @property
    def shows_dates(self) -> bool:
        """Say whether the two dates are of use."""
        has_dates = bool(self.data.get("since") or self.data.get("until"))
        return self.data.get("period") == Period.CUSTOM or (
            has_dates and not self.data.get("period")
        )

    @property
    def is_searched(self) -> bool:
        """Say whether it is less than the default."""
        return any(self.data.get(name) for name in self.fields)

    def clean_person(self) -> str:
        """Return an address as it is remembered, in lower case."""
        return str(self.cleaned_data["person"]).lower()

    def clean(self) -> dict[str, Any]:
        """Refuse a range that cannot be shown, beside the field that asks for it."""
        cleaned = super().clean() or self.cleaned_data
        if self.errors:
            return cleaned
        dates = {name: cleaned[name] for name in ("since", "until")}
        try:
            cleaned["span"] = span_of(cleaned["period"], **dates, number="", at=self._at)
        except ListingError as refusal:
            self.add_error("since", refusal.message)
        return cleaned

    def search(self) -> AuditSearch:
        """Return what was asked for."""
        asked = ("span", "person", "event", "kind", "subject")
        return AuditSearch(**{name: self.cleaned_data[name] for name in asked})
