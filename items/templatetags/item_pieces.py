"""How items look: their status, their picture."""

from decimal import Decimal
from typing import Final

from babel.numbers import format_decimal
from django import template
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import get_language, to_locale

from items.models import ImportBatch, ItemVersion
from items.rows import tone_of
from permissions.models import MiniGame
from sasvpay.kit.money import format_cents
from sasvpay.kit.templatetags.console import tag

register = template.Library()
_TILES: Final = 6
_IMPORT_TONES: Final = {
    ImportBatch.Status.READING: "info",
    ImportBatch.Status.READY: "warning",
    ImportBatch.Status.APPLYING: "info",
    ImportBatch.Status.APPLIED: "success",
    ImportBatch.Status.FAILED: "danger",
    ImportBatch.Status.DISCARDED: "neutral",
}


@register.simple_tag
def status_tag(version: ItemVersion) -> SafeString:
    """Return a version's status as a tag."""
    return tag(version.get_status_display(), tone_of(version.status))


@register.simple_tag
def picture_url(version: ItemVersion, game: MiniGame, *, is_large: bool = False) -> str:
    """Return where a version's picture is, or nothing. Its item must be loaded."""
    stored = version.image if is_large else version.thumbnail or version.image
    if not stored:
        return ""
    name = str(stored.name).rpartition("/")[2]
    return reverse("items:item-image", args=[game.app_id, version.item.item_id, name])


@register.filter
def tile(version: ItemVersion) -> int:
    """Return which colour stands for a version without a picture."""
    return version.item_id % _TILES


@register.filter
def amount(cents: int) -> str:
    """Return a price without its currency: the column's head says which."""
    return str(
        format_decimal(
            Decimal(format_cents(cents)),
            format="#,##0.00",
            locale=to_locale(get_language() or "en"),
        )
    )


@register.inclusion_tag("items/_batch_button.html", takes_context=True)
def batch_button(
    context: template.Context, act: str, route: str, words: str, tone: str = ""
) -> dict[str, object]:
    """Show a button of the batch bar, which says to how many of the selection it applies."""
    return {
        "act": act,
        "url": reverse(route, args=[context["game"].app_id]),
        "words": words,
        "tone": tone,
        "is_all": context["is_all"],
        "count": context["acts"][act],
    }


@register.simple_tag
def import_tag(batch: ImportBatch) -> SafeString:
    """Return an import's status as a tag."""
    return tag(batch.get_status_display(), _IMPORT_TONES[ImportBatch.Status(batch.status)])
