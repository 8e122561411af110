"""What an answer of the developer's server means."""

import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders import delivery, verdicts
from orders.models import Verdict
from sasvpay.kit.outbound import Failure
from tests.factories import AT
from tests.orders.owing import answer


@pytest.mark.parametrize(
    ("body", "verdict", "detail"),
    [
        (b'{"returnCode":"0","data":"OK"}', Verdict.DELIVERED, ""),
        (b'{"returnCode":0,"data":"ok","more":[1]}', Verdict.DELIVERED, ""),
        (b' {"data":"oK","returnCode":"0"} \n', Verdict.DELIVERED, ""),
        (b'{"returnCode":"1","data":"OK"}', Verdict.RETURN_CODE, 'returnCode is "1"'),
        (b'{"returnCode":"00","data":"OK"}', Verdict.RETURN_CODE, 'returnCode is "00"'),
        (b'{"returnCode":false,"data":"OK"}', Verdict.RETURN_CODE, "returnCode is false"),
        (b'{"returnCode":null,"data":"OK"}', Verdict.RETURN_CODE, "returnCode is null"),
        (b'{"returnCode":-1,"data":"OK"}', Verdict.RETURN_CODE, "returnCode is -1"),
        (b'{"data":"OK"}', Verdict.RETURN_CODE, "returnCode is missing"),
        (b'{"returnCode":"0"}', Verdict.NOT_OK, "data is missing"),
        (b'{"returnCode":"0","data":""}', Verdict.NOT_OK, 'data is ""'),
        (b'{"returnCode":"0","data":"OK "}', Verdict.NOT_OK, 'data is "OK "'),
        (b'{"returnCode":"0","data":true}', Verdict.NOT_OK, "data is true"),
        (b'{"returnCode":"0","data":["OK"]}', Verdict.NOT_OK, 'data is ["OK"]'),
        (b'["OK"]', Verdict.NOT_JSON, 'found ["OK"]'),
        (b"null", Verdict.NOT_JSON, "found null"),
    ],
)
def test_judge_follows_the_table(body, verdict, detail):
    assert delivery.judge(answer(body)) == (verdict, detail)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"OK",
        b"<html>",
        b'{"returnCode":"0","data":"OK"',
        b"\xff\xfe{}",
        b"[" * 100_000,
        b"{'a':1}",
    ],
)
def test_judge_refuses_what_is_not_json(body):
    verdict, detail = delivery.judge(answer(body))

    assert verdict == Verdict.NOT_JSON
    assert 0 < len(detail) <= 300


@pytest.mark.parametrize("status", [201, 204, 301, 302, 307, 400, 404, 429, 500, 503])
def test_judge_takes_no_status_but_200(status):
    assert delivery.judge(answer(status=status)) == (Verdict.HTTP_STATUS, f"HTTP {status}")


def test_judge_refuses_an_answer_that_was_cut():
    assert delivery.judge(answer(truncated=True)) == (Verdict.TOO_LARGE, "")


@pytest.mark.parametrize("failure", Failure)
def test_judge_keeps_the_reason_of_a_failure(failure):
    found = delivery.judge(answer(status=None, failure=failure, detail="reason\0"))

    assert found == (Verdict(failure.value), "reason\ufffd")


@given(st.binary(max_size=300), st.sampled_from([200, 200, 200, 404]))
def test_judge_never_raises_and_its_detail_can_be_stored(body, status):
    verdict, detail = delivery.judge(answer(body, status=status))

    assert verdict != Verdict.DELIVERED
    assert len(detail) <= 300
    assert "\0" not in detail


@given(
    st.dictionaries(
        st.sampled_from(["returnCode", "data", "x"]),
        st.recursive(
            st.none() | st.booleans() | st.integers(-1, 2) | st.floats(allow_nan=False) | st.text("OKok0 ", max_size=3)
            | st.sampled_from(["0", "OK", "ok"]),
            lambda inner: st.lists(inner, max_size=3),
            max_leaves=4,
        ),
    )
)  # fmt: skip
def test_judge_delivers_exactly_what_the_rule_says(content):
    code, ok = content.get("returnCode"), content.get("data")
    is_zero = code == "0" or (type(code) in (int, float) and code == 0)
    expected = is_zero and isinstance(ok, str) and ok in {"OK", "ok", "Ok", "oK"}

    verdict, _detail = delivery.judge(answer(json.dumps(content).encode()))

    assert (verdict == Verdict.DELIVERED) == expected


@pytest.mark.parametrize("verdict", Verdict)
def test_explain_has_a_sentence_for_every_verdict(verdict):
    assert delivery.explain(verdict).endswith(".")


@pytest.mark.parametrize(
    ("status", "asked", "seconds"),
    [
        (429, "20", 20),
        (503, " 20 ", 20),
        (503, f"{AT + timedelta(minutes=1):%a, %d %b %Y %H:%M:%S GMT}", 60),
        (503, f"{AT - timedelta(minutes=1):%a, %d %b %Y %H:%M:%S GMT}", 0),
        (429, "1000000000", 86_400),
        (429, "9" * 5000, 86_400),
        (429, "Fri, 31 Dec 9999 23:59:59 GMT", 86_400),
        *((503, text, 0) for text in ("", "soon", "-5", "1.5", "٣", "Fri, 31 Feb 2026 25:61:61")),
        (503, "Sat, 21 Nov 2026 13:00:00 +99999999999999999999", 0),
        (200, "20", 0),
        (500, "20", 0),
        (None, "20", 0),
    ],
)
def test_only_a_busy_server_is_left_alone_for_as_long_as_it_asks(status, asked, seconds):
    found = verdicts.retry_after(answer(b"", status=status, retry_after=asked), at=AT)

    assert found == timedelta(seconds=seconds)
