"""The envelope: vectors, strictness, byte-for-byte payloads."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders import callback_docs, envelope
from orders.envelope import EnvelopeError
from tests.aftersales.reports import refund
from tests.orders.callbacks import GOODS, MISSING, PURCHASE, changed, purchase, signed

KEY = "12345"
VECTOR = callback_docs.EXAMPLE_PAYLOAD
NO_TEXT: list[Any] = [1, True, [], {}, 1.5]
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
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"1",
        b"{",
        signed()[:-1],
        signed() * 2,
        b"[" + signed() + b"]",
        signed()[:-1] + b",}",
        signed().replace(b'"EventType"', b"'EventType'"),
        signed()[:-1] + b"/* */}",
        signed()[:-1] + b', "n": NaN}',
        signed()[:-1] + b', "n": -Infinity}',
        signed()[:-1] + b', "n": ' + b"9" * 5000 + b"}",
        signed()[:-1] + b', "n": ' + b"[" * 30_000 + b"]" * 30_000 + b"}",
        signed()[:-1] + b', "n": ' + b"[" * 32 + b"]" * 32 + b"}",
        signed()[:-1] + b', "n": "\t"}',
        signed()[:-1] + b', "n": "\xff"}',
        signed().decode().encode("utf-16"),
        signed().decode().encode("utf-32"),
        b"\xef\xbb\xbf" + signed(),
        b"<xml/>",
        signed()[:-1] + b', "Payload": "{}"}',
        b'{"Payload": "{}", ' + signed()[1:],
        signed()[:-1] + b', "Pay\\u006coad": "{}"}',
        *(signed(Payload=wrong) for wrong in NO_TEXT),
        signed(Payload="\ud800"),
        signed(Payload="\x00"),
    ],
)
def test_parse_envelope_refuses_what_is_no_object(body):
    with pytest.raises(EnvelopeError) as refusal:
        envelope.parse_envelope(body)

    assert (refusal.value.code, refusal.value.status) == ("40001", 400)


OF_ANOTHER_TYPE: list[Any] = [MISSING, None, True, 1, [], {}, ""]


@pytest.mark.parametrize("field", ["EventType", "Event", "PayModel", "Payload", "PayEventSig"])
@pytest.mark.parametrize("wrong", OF_ANOTHER_TYPE)
def test_parse_envelope_names_the_wrong_field(field: str, wrong: Any):
    with pytest.raises(EnvelopeError) as refusal:
        envelope.parse_envelope(signed(**{field: wrong}))

    is_no_text = field == "Payload" and wrong not in (MISSING, None, "")
    assert refusal.value.code == ("40001" if is_no_text else "40002")
    assert refusal.value.message.startswith(f"{field}: ")


@pytest.mark.parametrize("wrong", ["Event", " event", "EVENT", "event\n", "\ud800"])
def test_parse_envelope_refuses_another_event_type(wrong):
    with pytest.raises(EnvelopeError) as refusal:
        envelope.parse_envelope(signed(EventType=wrong))

    assert refusal.value.message == "EventType: is none of the allowed values."


@pytest.mark.parametrize("wrong", ["\x00", "\ud800", "x" * 129])
def test_parse_envelope_refuses_a_pay_model_that_cannot_be_kept(wrong):
    with pytest.raises(EnvelopeError) as refusal:
        envelope.parse_envelope(signed(PayModel=wrong))

    assert refusal.value.code == "40002"
    assert wrong not in refusal.value.message


WRONG_TEXT: list[Any] = [MISSING, None, True, 1, 1.5, [], {}, "\x00", "\ud800"]
WRONG_NUMBER: list[Any] = [
    MISSING, None, True, [], {}, "", "1", "abc", "٣", "1_0", " 1", -1, 1.0, 1.5, 1e2,
    float("1e999"), 2**63, 10**27, 10**9 + 1,
]  # fmt: skip
WRONG: dict[str, list[Any]] = {
    "OpenId": [*WRONG_TEXT, "", " ", "\n", "x" * 129],
    "Env": [MISSING, None, "", True, False, [], {}, 1.0, 2, "2", "-1", "00", " 0", "prod", "\u0660", "\ud800"],
    "OutTradeNo": [
        *WRONG_TEXT, "", " ", "x" * 65, " T1", "T1 ", "T1\n", "../", "'", "<script>", "😀",
        "\u202e", "\u200b", "T\x01", "\u0663",
    ],
    "GoodsInfo": [MISSING, None, "text", 1, [], {}],
    "ProductId": [*WRONG_TEXT, "", "x" * 129],
    "ZoneId": [*WRONG_TEXT, "x" * 129],
    "Attach": [*WRONG_TEXT, "x" * 4097],
    "Quantity": [*WRONG_NUMBER, 0],
    "OrigPrice": WRONG_NUMBER,
    "ActualPrice": WRONG_NUMBER,
    "OrderSource": [*WRONG_NUMBER, 0, 4],
}  # fmt: skip


@pytest.mark.parametrize(
    ("field", "wrong"),
    [(field, wrong) for field, values in WRONG.items() for wrong in values],
)
def test_parse_purchase_names_the_wrong_field(field, wrong):
    with pytest.raises(EnvelopeError) as refusal:
        envelope.parse_purchase(purchase(**{field: wrong}).replace("Infinity", "1e999"))

    path = f"Payload.GoodsInfo.{field}" if field in GOODS else f"Payload.{field}"
    assert (refusal.value.code, refusal.value.status) == ("40002", 400)
    assert refusal.value.message.startswith(path)


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


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "[]",
        "null",
        "12",
        '"{}"',
        str(PURCHASE),
        purchase() + "}",
        purchase()[:-1] + ', "Env": "1"}',
        purchase().replace('"Quantity": 1', '"Quantity": 1, "Quantity": 2'),
        purchase().replace('"Quantity": 1', '"Quantity": NaN'),
        purchase()[:-1] + ', "n": ' + "[" * 1000 + "]" * 1000 + "}",
        purchase()[:-1] + ', "n": ' + '{"a":' * 40 + "1" + "}" * 40 + "}",
        json.dumps(json.dumps(PURCHASE)),
    ],
)
def test_parse_purchase_refuses_what_is_no_object(payload):
    with pytest.raises(EnvelopeError) as refusal:
        envelope.parse_purchase(payload)

    assert refusal.value.code == "40001"
    assert refusal.value.message.startswith("Payload: ")


def test_parse_purchase_takes_many_braces_that_are_not_deep():
    payload = json.dumps(changed(PURCHASE, More=[{} for _ in range(100)]))

    assert envelope.parse_purchase(payload).open_id == "o_player"


WRONG_SECONDS: list[Any] = [*WRONG_NUMBER[:-1], 1_735_776_000_000]
WRONG_REFUND: dict[str, list[Any]] = {
    "OpenId": WRONG["OpenId"],
    "Env": WRONG["Env"],
    "OutTradeNo": WRONG["OutTradeNo"],
    "RefundNo": [*WRONG_TEXT, "", " ", "x" * 65],
    "RefundAmount": [*WRONG_NUMBER, 0],
    "RefundStatus": [*WRONG_TEXT, "", "Succeeded", "done"],
    "Reason": [*WRONG_TEXT, "x" * 4097],
    "InitiatedAt": [*WRONG_SECONDS, 0],
    "FinishedAt": [*WRONG_SECONDS, 0],
}


@pytest.mark.parametrize(
    ("field", "wrong"),
    [(field, wrong) for field, values in WRONG_REFUND.items() for wrong in values],
)
def test_parse_refund_names_the_wrong_field(field, wrong):
    with pytest.raises(EnvelopeError) as refusal:
        envelope.parse_refund(refund(**{field: wrong}).replace("Infinity", "1e999"))

    assert (refusal.value.code, refusal.value.status) == ("40002", 400)
    assert refusal.value.message.startswith(f"Payload.{field}: ")


def test_parse_refund_refuses_an_end_of_what_is_not_at_an_end():
    with pytest.raises(EnvelopeError, match=r"Payload\.FinishedAt: must be 0 while processing"):
        envelope.parse_refund(refund("processing", FinishedAt=1_735_776_000))


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
