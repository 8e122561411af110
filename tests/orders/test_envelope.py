"""The envelope: vectors, strictness, byte-for-byte payloads."""

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders import callback_docs, envelope
from orders.envelope import EnvelopeError
from tests.aftersales.reports import refund
from tests.orders.callbacks import GOODS, PURCHASE, changed, purchase, signed

KEY = "12345"
# A process that has seen no callback yet, met by several at once, again and again.
FRESH_PROCESS = """
import importlib, sys, threading
from orders import envelope

body, payload, refund = (text.encode() for text in sys.argv[1:])
sys.setswitchinterval(1e-6)
for _round in range(60):
    importlib.reload(envelope)
    start = threading.Barrier(8)

    def take():
        for parse, told in (
            (envelope.parse_envelope, body),
            (envelope.parse_purchase, payload.decode()),
            (envelope.parse_refund, refund.decode()),
        ):
            start.wait()
            parse(told)

    threads = [threading.Thread(target=take) for _each in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
print("survived")
"""
VECTOR = callback_docs.EXAMPLE_PAYLOAD
NON_ASCII_VECTOR = VECTOR.replace("a=1&b=2", "中文 皮肤")


@pytest.mark.parametrize(
    ("payload", "signature"),
    [
        (VECTOR, "b669723770e8c66a872b1ea5f9f5385019de4ce4d2b87a52289aceb88679c9e6"),
        (NON_ASCII_VECTOR, "cb535fa6327f5362e591eedd1cfdaac5fe6df0a1d498414983b68c6d1e3248a7"),
    ],
)
def test_sign_gives_the_vectors(payload, signature):
    assert envelope.sign(KEY, envelope.PURCHASE_EVENT, payload) == signature


@pytest.mark.parametrize("example", [callback_docs.EXAMPLE, callback_docs.REFUND_EXAMPLE])
def test_examples_of_the_document_are_signed(example):
    told = envelope.parse_envelope(json.dumps(example).encode())

    assert envelope.verify(KEY, told)


def test_verify_refuses_another_key_and_another_payload():
    told = envelope.parse_envelope(signed(secret=KEY))
    other = envelope.parse_envelope(signed(secret=KEY, Payload=purchase() + " "))

    assert envelope.verify(KEY, told)
    assert not envelope.verify(KEY + " ", told)
    assert not envelope.verify(KEY, other)


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1)


@given(payload=TEXT, pay_model=TEXT.filter(lambda text: len(text) <= 128), secret=TEXT)
def test_build_keeps_the_payload_byte_for_byte(payload, pay_model, secret):
    body = envelope.build(
        event=envelope.PURCHASE_EVENT, pay_model=pay_model, payload=payload, secret=secret
    )

    told = envelope.parse_envelope(body)

    assert told.payload == payload
    assert told.pay_model == pay_model
    assert envelope.verify(secret, told)


@given(
    attach=st.just("") | TEXT, open_id=TEXT.filter(str.strip).map(lambda text: text.strip()[:128])
)
def test_parse_purchase_keeps_every_text_as_it_is(attach, open_id):
    told = envelope.parse_purchase(purchase(Attach=attach, OpenId=open_id))

    assert (told.goods_info.attach, told.open_id) == (attach, open_id)


@given(before=TEXT, wrong=st.just("\x00") | st.characters(categories=["Cs"]), after=TEXT)
def test_parse_purchase_refuses_what_no_database_keeps(before, wrong, after):
    with pytest.raises(EnvelopeError) as refusal:
        envelope.parse_purchase(purchase(Attach=f"{before}{wrong}{after}"))

    assert refusal.value.code == "40002"


@pytest.mark.parametrize(
    "right",
    [
        {"Env": "1"},
        {"Env": 0},
        {"Env": 1},
        {"OutTradeNo": "x" * 64},
        {"OutTradeNo": "0-9_|*@aZ"},
        {"OpenId": " x "},
        {"ZoneId": ""},
        {"Attach": ""},
        {"Attach": '  =HYPERLINK("x")\n\'" '},
        {"Attach": "😀" * 4096},
        {"Quantity": 10**6},
        {"OrigPrice": 0, "ActualPrice": 10**9},
        {"OrderSource": 2},
        {"OrderSource": 3},
        {"ProductId": "x" * 128},
        {"More": {"deep": [[1]]}},
    ],
)
def test_parse_purchase_takes(right):
    told = envelope.parse_purchase(purchase(**right))

    assert told.out_trade_no == right.get("OutTradeNo", "T1")
    assert told.goods_info.attach == right.get("Attach", GOODS["Attach"])


def test_parse_purchase_takes_many_braces_that_are_not_deep():
    payload = json.dumps(changed(PURCHASE, More=[{} for _ in range(100)]))

    assert envelope.parse_purchase(payload).open_id == "o_player"


@pytest.mark.parametrize(
    "right",
    [
        {"Env": 1},
        {"RefundNo": "x" * 64},
        {"RefundNo": "退款 1/2"},
        {"RefundAmount": 1},
        {"RefundAmount": 10**9},
        {"Reason": ""},
        {"Reason": "=1+1\n😀"},
        {"InitiatedAt": 1, "FinishedAt": envelope.MAX_SECONDS},
        {"More": {"deep": [[1]]}},
    ],
)
def test_parse_refund_takes(right):
    told = envelope.parse_refund(refund(**right))

    assert told.refund_no == right.get("RefundNo", "R1")
    assert told.refund_amount == right.get("RefundAmount", 100)


def test_the_first_callbacks_of_a_process_may_come_at_once():
    told = [signed(VECTOR).decode(), VECTOR, refund()]

    ran = subprocess.run(
        [sys.executable, "-c", FRESH_PROCESS, *told],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )

    # A crash of the interpreter has no traceback, only a negative number.
    assert (ran.returncode, ran.stdout) == (0, "survived\n"), ran.stderr
