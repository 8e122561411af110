"""What templates need to show: money, numbers, times, status tags, query strings."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from babel.dates import format_timedelta
from babel.numbers import format_currency, format_decimal
from django import template
from django.conf import settings
from django.core.paginator import Page
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, to_locale
from django.utils.translation import gettext as _

from sasvpay.kit.money import format_cents

register = template.Library()

# An en dash: what a table shows where there is nothing.
NOTHING = "\N{EN DASH}"
# How much of a long id's end is always shown. The style sheet leaves as much room for it.
TAIL = 6
TONES = frozenset({"success", "info", "warning", "danger", "neutral"})


def _locale() -> str:
    return to_locale(get_language() or settings.LANGUAGE_CODE)


@register.filter
def money(cents: int | None) -> str:
    """Return cents as the console's currency, in the page's language."""
    if cents is None:
        return NOTHING
    return str(format_currency(Decimal(format_cents(cents)), settings.CURRENCY, locale=_locale()))


@register.filter
def number(value: int) -> str:
    """Return a number, grouped as the page's language does."""
    return str(format_decimal(value, locale=_locale()))


@register.simple_tag
def when(at: datetime | None, *, seconds: bool = False) -> SafeString | str:
    """Return a moment in the console's time zone; its title says it in UTC."""
    if at is None:
        return NOTHING
    shape = "%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M"
    return format_html(
        '<time datetime="{}" title="{} UTC">{}</time>',
        at.isoformat(),
        f"{timezone.localtime(at, timezone.get_fixed_timezone(0)):%Y-%m-%d %H:%M:%S}",
        timezone.localtime(at).strftime(shape),
    )


@register.filter
def ago(at: datetime) -> str:
    """Return how long ago a moment was, in one unit and the page's language."""
    return str(format_timedelta(at - timezone.now(), add_direction=True, locale=_locale()))


@register.filter
def duration(milliseconds: int) -> str:
    """Return milliseconds, or seconds where there are many."""
    if milliseconds < 1000:  # noqa: PLR2004 -- a second
        return f"{milliseconds} ms"
    return f"{milliseconds // 1000}.{milliseconds % 1000 // 100} s"


@register.simple_tag
def tag(label: object, tone: str = "neutral") -> SafeString:
    """Return a status tag: always a word, the colour only helps."""
    if tone not in TONES:
        raise template.TemplateSyntaxError(f"A tag has no tone {tone!r}.")
    return format_html('<span class="tag {}">{}</span>', tone, label)


@register.simple_tag(takes_context=True)
def query(context: template.Context, **changes: Any) -> str:
    """Return the page's query string with some values changed; None takes one out."""
    asked = context["request"].GET.copy()
    for name, value in changes.items():
        if value is None:
            asked.pop(name, None)
        else:
            asked[name] = str(value)
    return f"?{asked.urlencode()}"


@register.filter
def ends(text: object) -> SafeString | str:
    """Return an id that is cut before its end, where it has no room: its end tells it apart."""
    whole = str(text)
    if len(whole) <= 2 * TAIL:
        return whole
    return format_html('<span class="head">{}</span>{}', whole[:-TAIL], whole[-TAIL:])


@register.simple_tag
def page_numbers(page: Page[Any]) -> list[int | str]:
    """Return the numbers to offer around a page, with an ellipsis for those left out."""
    return list(page.paginator.get_elided_page_range(page.number, on_each_side=2, on_ends=1))


@register.inclusion_tag("_copy.html")
def copy(text: object, label: str = "", *, url: str = "", css: str = "") -> dict[str, str]:
    """Show an id, as a link if there is a URL, with a button that copies it."""
    return {"text": str(text), "label": label or _("Copy"), "url": url, "css": css}
