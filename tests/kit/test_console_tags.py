"""What templates show: the tags and filters of `{% load console %}`."""

from datetime import UTC, datetime, timedelta

import pytest
from django.template import Context, Template, TemplateSyntaxError
from django.test import RequestFactory
from django.utils import timezone, translation

from sasvpay.kit.templatetags.console import NOTHING

NOON = datetime(2026, 11, 20, 12, 0, 5, tzinfo=UTC)


def rendered(source: str, **context: object) -> str:
    return Template("{% load console %}" + source).render(Context(context))


@pytest.mark.parametrize(
    ("cents", "language", "shown"),
    [
        (0, "en", "$0.00"),
        (1, "en", "$0.01"),
        (123456789, "en", "$1,234,567.89"),
        (-499, "en", "-$4.99"),
        (499, "zh-hans", "US$4.99"),
        (9007199254740993, "en", "$90,071,992,547,409.93"),
    ],
)
def test_money_shows_cents_in_the_pages_language(cents, language, shown, settings):
    settings.CURRENCY = "USD"

    with translation.override(language):
        assert rendered("{{ cents|money }}", cents=cents) == shown


def test_money_shows_a_dash_where_there_is_none():
    assert rendered("{{ cents|money }}", cents=None) == NOTHING


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_number_groups_digits_in_both_languages(language):
    with translation.override(language):
        assert rendered("{{ n|number }}", n=4118) == "4,118"


def test_when_shows_the_consoles_zone_and_utc_in_its_title():
    with timezone.override("Asia/Shanghai"):
        shown = rendered("{% when at %}", at=NOON)

    assert shown == (
        '<time datetime="2026-11-20T12:00:05+00:00" title="2026-11-20 12:00:05 UTC">'
        "2026-11-20 20:00</time>"
    )


def test_when_shows_seconds_on_request():
    with timezone.override("UTC"):
        assert ">2026-11-20 12:00:05</time>" in rendered("{% when at seconds=True %}", at=NOON)


def test_when_shows_a_dash_for_what_has_not_happened():
    assert rendered("{% when at %}", at=None) == NOTHING


@pytest.mark.parametrize(("language", "shown"), [("en", "3 hours ago"), ("zh-hans", "3小时前")])
def test_ago_says_one_unit_in_the_pages_language(language, shown):
    at = timezone.now() - timedelta(hours=3, minutes=4)

    with translation.override(language):
        assert rendered("{{ at|ago }}", at=at) == shown


@pytest.mark.parametrize(
    ("milliseconds", "shown"), [(0, "0 ms"), (999, "999 ms"), (1000, "1.0 s"), (3049, "3.0 s")]
)
def test_duration_shows_milliseconds_then_seconds(milliseconds, shown):
    assert rendered("{{ took|duration }}", took=milliseconds) == shown


def test_tag_escapes_its_label():
    shown = rendered('{% tag label "warning" %}', label="<b>")

    assert shown == '<span class="tag warning">&lt;b&gt;</span>'


def test_tag_refuses_an_unknown_tone():
    with pytest.raises(TemplateSyntaxError, match="purple"):
        rendered('{% tag "x" "purple" %}')


def test_query_changes_some_values_and_keeps_the_others():
    request = RequestFactory().get("/", {"q": "a&b", "page": "2", "state": "failed"})

    shown = rendered("{% query page=3 state=None %}", request=request)

    assert shown == "?q=a%26b&amp;page=3"


def test_copy_shows_the_text_and_a_named_button():
    shown = rendered("{% copy text %}", text='skin"1')

    assert "<code>skin&quot;1</code>" in shown
    assert 'data-copy="skin&quot;1"' in shown
    assert 'aria-label="Copy skin&quot;1"' in shown


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("T12345678901", "T12345678901"),
        ("T123456789012", '<span class="head">T123456</span>789012'),
        ("<b>-<i>-123456", '<span class="head">&lt;b&gt;-&lt;i&gt;-</span>123456'),
    ],
)
def test_a_long_id_is_cut_before_its_end(number, shown):
    assert rendered("{{ number|ends }}", number=number) == shown
