import pytest
from hypothesis import given
from hypothesis import strategies as st

from sasvpay.kit import money


@given(st.integers(min_value=0, max_value=10**15 - 1))
def test_parse_cents_reads_what_format_cents_wrote(cents):
    written = money.format_cents(cents)

    assert money.parse_cents(written) == cents


@given(st.text())
def test_parse_cents_returns_cents_or_refuses(text):
    try:
        cents = money.parse_cents(text)
    except money.MoneyError:
        return

    assert text.isascii()
    assert 0 <= cents < 10**15


@pytest.mark.parametrize(
    ("text", "cents"),
    [
        ("0", 0),
        ("0.0", 0),
        ("0.01", 1),
        ("1.5", 150),
        ("19.99", 1999),
        ("007", 700),
        ("1000000.00", 100000000),
    ],
)
def test_parse_cents_reads_an_amount(text, cents):
    assert money.parse_cents(text) == cents


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "1e3", "1E3", "\uff11\uff12", "\u0661", "1,234.50", "1,5", ".5", "1.", ".", "-1",
        "+1", "-0", " 1", "1 ", "1\n", "1 000", "12.345", "1.2.3", "0x10", "1_000", "inf", "nan",
        "NaN", "Infinity", "$1", "1$", "one", "1.5e1", "\x001", "1" * 14, "9" * 5000,
    ],
)  # fmt: skip
def test_parse_cents_refuses_what_is_no_amount(text):
    with pytest.raises(money.MoneyError) as refusal:
        money.parse_cents(text)

    assert "12.34" in str(refusal.value)


@pytest.mark.parametrize(
    ("cents", "text"), [(0, "0.00"), (5, "0.05"), (1999, "19.99"), (-5, "-0.05"), (-1999, "-19.99")]
)
def test_format_cents_writes_two_decimals(cents, text):
    assert money.format_cents(cents) == text
