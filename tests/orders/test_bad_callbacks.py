"""Whatever arrives at the callback: the documented answer in four strings, and nothing left behind.

By hand with more of what chance makes: `CALLBACK_EXAMPLES=10000 pytest tests/orders/test_bad_callbacks.py`.
"""

import base64
import gzip
import hashlib
import hmac
import json
import os
from itertools import chain

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from aftersales.models import Refund
from orders import endpoint, envelope
from orders.models import ConflictingCallback, Delivery, Order
from sasvpay.kit import crypto
from tests.aftersales.reports import REFUND, refund, signed_refund
from tests.architecture.world import snapshot
from tests.factories import CALLBACK_SECRET
from tests.orders import wrong_values
from tests.orders.callbacks import GOODS, MISSING, PURCHASE, assert_answer, post, purchase, signed

EVENT = envelope.PURCHASE_EVENT
GENUINE = envelope.sign(CALLBACK_SECRET, EVENT, purchase())


def _with(more):
    """Return a genuine body with something before its end."""
    return signed()[:-1] + more + b"}"


def _payload_with(more):
    return purchase()[:-1] + more + "}"


def _infinite(payload):
    """Python writes the number 1e999 as a word that is not JSON."""
    return payload.replace("Infinity", "1e999")


NO_OBJECT = [
    b"",
    b" ",
    b"null",
    b"true",
    b"[]",
    b'"text"',
    b"1",
    b"{",
    b"}",
    b"{}{}",
    b"a=1&b=2",
    b"<xml/>",
    b"\x00",
    b"\x80",
    signed()[:-1],
    signed()[: len(signed()) // 2],
    signed() * 2,
    b"[" + signed() + b"]",
    signed().replace(b'"EventType"', b"'EventType'"),
    signed().replace(b'"EventType"', b"EventType"),
    _with(b","),
    _with(b"/* */"),
    b"// first\n" + signed(),
    _with(b', "n": NaN'),
    _with(b', "n": Infinity'),
    _with(b', "n": -Infinity'),
    _with(b', "n": 01'),
    _with(b', "n": +1'),
    _with(b', "n": 0x1'),
    _with(b', "n": ' + b"9" * 5000),
    _with(b', "n": ' + b"[" * 30_000 + b"]" * 30_000),
    _with(b', "n": ' + b"[" * 32 + b"]" * 32),
    _with(b', "n": ' + b'{"a":' * 9_000 + b"1" + b"}" * 9_000),
    b"[" * 60_000,
    _with(b', "n": "\t"'),
    _with(b', "n": "\xff"'),
    _with(b', "n": "\xed\xa0\x80"'),
    _with(b', "n": "\\x"'),
    signed().decode().encode("utf-16"),
    signed().decode().encode("utf-16-le"),
    signed().decode().encode("utf-32"),
    # A repeated key: what is verified would not be what is stored.
    _with(b', "Payload": "{}"'),
    b'{"Payload": "{}", ' + signed()[1:],
    _with(b', "Pay\\u006coad": "{}"'),
    _with(b', "Event": "other"'),
    _with(b', "n": {"a": 1, "a": 2}'),
]
NO_OBJECT_IN_THE_PAYLOAD = [
    "{",
    " ",
    "[]",
    "null",
    "12",
    "true",
    '"{}"',
    str(PURCHASE),
    "\ufeff" + purchase(),
    purchase() + "}",
    purchase() * 2,
    json.dumps(json.dumps(PURCHASE)),
    _payload_with(', "OpenId": "other"'),
    _payload_with(', "Env": "1"'),
    purchase().replace('"Quantity": 1', '"Quantity": 1, "Quantity": 2'),
    purchase().replace('"Quantity": 1', '"Quantity": NaN'),
    purchase().replace('"Quantity": 1', '"Quantity": -Infinity'),
    purchase().replace('"Quantity": 1', '"Quantity": 01'),
    _payload_with(', "n": ' + "[" * 20_000),
    _payload_with(', "n": ' + "[" * 1000 + "]" * 1000),
    _payload_with(', "n": ' + '{"a":' * 40 + "1" + "}" * 40),
    _payload_with(', "n": "\t"'),
]
FORGED = [
    "0" * 64,
    *(GENUINE[:length] for length in (1, 32, 63)),
    *(GENUINE + more for more in ("0", " ", "\n", "\x00", GENUINE)),
    *(before + GENUINE for before in (" ", "0x", "sha256=", "v1,")),
    GENUINE.upper(),
    GENUINE[::-1],
    base64.b64encode(bytes.fromhex(GENUINE)).decode(),
    *(envelope.sign(key, EVENT, purchase()) for key in ("", "C" * 64, "c" * 63, "c" * 64 + "\n")),
    envelope.sign(CALLBACK_SECRET, envelope.REFUND_EVENT, purchase()),
    envelope.sign(CALLBACK_SECRET, EVENT.upper(), purchase()),
    *(envelope.sign(CALLBACK_SECRET, EVENT, purchase() + more) for more in (" ", "\n", "\x00")),
    *(
        crypto.sign_hex(CALLBACK_SECRET, text)
        for text in (
            "", purchase(), EVENT, EVENT + purchase(), f"{EVENT}&&{purchase()}",
            f"{EVENT} & {purchase()}", f"{purchase()}&{EVENT}", f"event&{EVENT}&{purchase()}",
        )
    ),
    *(
        hmac.new(CALLBACK_SECRET.encode(), f"{EVENT}&{purchase()}".encode(), algorithm).hexdigest()
        for algorithm in ("md5", "sha1", "sha512")
    ),
    hashlib.sha256(f"{EVENT}&{purchase()}{CALLBACK_SECRET}".encode()).hexdigest(),
    "é" * 64,
    "\uff10" * 64,
    "\ud800",
    "\x00",
    "x" * 60_000,
]  # fmt: skip
NO_EVENT = [
    "purchase", " ", EVENT.upper(), EVENT + "\n", " " + EVENT, EVENT + "\x00", "x" * 50_000, "\x00",
    "minigame_pay_refund_succ_notify",
]  # fmt: skip

# What is wrong: the code, how the sentence begins, and the bodies.
TABLE = {
    "body": ("40001", "The body is not a JSON object.", NO_OBJECT),
    "big": ("41301", "The body is above 64 KB.", [_with(b" " * 2**16), b"[" * 10**6]),
    "payload": (
        "40001",
        "Payload: is not a JSON object in a string.",
        [
            *(signed(payload) for payload in NO_OBJECT_IN_THE_PAYLOAD),
            *(signed_refund(payload) for payload in ("[]", "null", refund() * 2)),
            *(signed(Payload=wrong) for wrong in (*wrong_values.NO_TEXT, PURCHASE)),
            *(signed(Payload=purchase() + wrong) for wrong in ("\ud800", "\x00")),
        ],
    ),
    "no field": ("40002", "Payload.", [signed("{}"), signed_refund("{}"), signed_refund(purchase())]),
    "signature": ("40101", "PayEventSig: does not match.", [
        *(signed(PayEventSig=wrong) for wrong in FORGED),
        *(signed(Payload=purchase() + more) for more in (" ", "\n", "\t")),
        signed(Event=envelope.REFUND_EVENT),
    ]),
    "event": ("40002", "Event: is none of the allowed values.", [
        *(signed(event=wrong) for wrong in NO_EVENT),
        signed(event="\u00e9"),
    ]),
    "event type": ("40002", "EventType: is none of the allowed values.", [
        signed(EventType=wrong) for wrong in ("Event", "EVENT", " event", "event ", "event\n", "\ud800", "x" * 9999)
    ]),
    "pay model": ("40002", "PayModel: ", [
        signed(PayModel=wrong) for wrong in ("\x00", "\ud800", "x" * 129, "x" * 9999)
    ]),
    **{
        f"outer {field}": ("40002", f"{field}: ", [
            signed(**{field: wrong})
            for wrong in wrong_values.OUTER
            if field != "Payload" or wrong in (MISSING, None, "")
        ])
        for field in ("EventType", "Event", "PayModel", "Payload", "PayEventSig")
    },
    **{
        f"purchase {field}": (
            "40002",
            f"Payload.GoodsInfo.{field}" if field in GOODS else f"Payload.{field}",
            [signed(_infinite(purchase(**{field: wrong}))) for wrong in values],
        )
        for field, values in wrong_values.PURCHASE.items()
    },
    **{
        f"refund {field}": (
            "40002",
            f"Payload.{field}: ",
            [signed_refund(_infinite(refund(**{field: wrong}))) for wrong in values],
        )
        for field, values in wrong_values.REFUND.items()
    },
    "refund that ended while it is processing": ("40002", "Payload.FinishedAt: must be 0 while", [
        signed_refund(refund("processing", FinishedAt=1_735_776_000))
    ]),
}  # fmt: skip


def test_the_table_is_as_long_as_was_promised():
    assert len(set(chain.from_iterable(bodies for _code, _start, bodies in TABLE.values()))) >= 350


def _stored():
    """Return all rows but the count of refusals."""
    return {name: rows for name, rows in snapshot().items() if name != "orders.RefusedCallback"}


@pytest.mark.parametrize("wrong", TABLE)
def test_a_bad_callback_is_told_what_is_wrong_and_leaves_nothing(client, paying, wrong):
    code, start, bodies = TABLE[wrong]
    before = _stored()

    for body in bodies:
        message = assert_answer(
            post(client, paying, body, CONTENT_LENGTH=str(len(body))), int(code[:3]), code
        )
        assert message.startswith(start)
        assert "T1" not in message

    assert _stored() == before


# The bytes are the names of these tests: each process must make the same ones.
@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"\xef\xbb\xbf" + signed(), {}),
        (_with(b', "n": 1e999'), {}),
        (_with(b"".join(b', "%d": 0' % n for n in range(6_000))), {}),
        (gzip.compress(signed(), mtime=0), {"Content-Encoding": "gzip"}),
        (signed(), {"Content-Encoding": "gzip"}),
        (signed(), {"Content-Type": "text/plain"}),
        (signed(), {"Expect": "100-continue", "X-HTTP-Method-Override": "DELETE"}),
        (signed(), {"X-Request-Id": "\x00<script>" + "x" * 5000}),
        (signed(), {"X-Forwarded-For": "nonsense, ::1, " * 100}),
    ],
)
def test_what_may_be_answered_either_way_is_answered_properly(client, paying, body, headers):
    response = post(client, paying, body, headers=headers)

    assert_answer(response, response.status_code, response.json()["returnCode"])
    assert response.status_code < 500


# --- What chance makes --------------------------------------------------------------------------


def _with_byte(at, byte):
    body = signed()
    return body[:at] + bytes([byte]) + body[at + 1 :]


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip
OUTER = st.sampled_from(["EventType", "Event", "PayModel", "Payload", "PayEventSig"])
INNER = st.sampled_from(["OpenId", "Env", "OutTradeNo", "GoodsInfo", *GOODS])
BODIES = st.one_of(
    st.binary(max_size=200),
    ANY.map(lambda value: json.dumps(value).encode()),
    st.builds(lambda name, value: signed(**{name: value}), OUTER, ANY),
    st.builds(lambda name, value: signed(purchase(**{name: value})), INNER, ANY),
    st.builds(
        lambda name, value: signed_refund(refund(**{name: value})), st.sampled_from([*REFUND]), ANY
    ),
    st.builds(signed, st.text(max_size=50)),
    st.builds(_with_byte, st.integers(0, len(signed()) - 1), st.integers(0, 255)),
)


def _rows():
    return [model.objects.count() for model in (Order, Delivery, ConflictingCallback, Refund)]


@given(body=BODIES)
@hypothesis_settings(
    max_examples=int(os.environ.get("CALLBACK_EXAMPLES", "300")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_whatever_arrives_is_answered_with_the_envelope(client, paying, monkeypatch, body):
    monkeypatch.setattr(endpoint, "REFUSALS_A_MINUTE", 10**9)
    before = _rows()

    response = post(client, paying, body)

    answer = response.json()
    assert_answer(response, response.status_code, answer["returnCode"])
    assert response.status_code < 500
    assert _rows() == before or answer["returnCode"] in ("0", "40901")
