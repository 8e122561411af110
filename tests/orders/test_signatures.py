"""The signature helper, and the code that the protocol page shows."""

import base64
import hashlib
import hmac
import json
import subprocess

import pytest
from django.utils import timezone

from orders import envelope, signatures, vectors
from orders.envelope import PURCHASE_EVENT
from orders.samples import verify
from sasvpay.kit import crypto
from sasvpay.kit.audit import Event
from sasvpay.kit.models import AuditEvent
from tests.factories import DELIVERY_SECRET, DeliveryKeyFactory, OrderFactory

PAYLOAD = '{"OutTradeNo": "fresh","GoodsInfo":{"Attach":"中文 é"}}'
RIGHT = envelope.sign(DELIVERY_SECRET, PURCHASE_EVENT, PAYLOAD)
SECRET = DELIVERY_SECRET.encode()
OLD = "0" * 64


@pytest.fixture
def game(game):
    DeliveryKeyFactory(game=game, secret_encrypted=crypto.encrypt(OLD))
    DeliveryKeyFactory(game=game)
    return game


@pytest.fixture
def check(game, senior_developer):
    def ask(text=PAYLOAD, signature="", signed_text=""):
        return signatures.check(
            game=game, text=text, signature=signature, signed_text=signed_text,
            by=senior_developer, at=timezone.now(),
        )  # fmt: skip

    return ask


def body(payload=PAYLOAD, **changes):
    fields = json.loads(
        envelope.build(event=PURCHASE_EVENT, pay_model="x", payload=payload, secret=DELIVERY_SECRET)
    )
    return json.dumps(fields | changes)


def mac(text, key=SECRET):
    return hmac.new(key, text.encode(), hashlib.sha256)


def test_a_payload_gets_the_string_to_sign_and_the_signature(check):
    found = check(signature=RIGHT)

    assert found.signed_text == f"{PURCHASE_EVENT}&{PAYLOAD}"
    assert (found.expected, found.is_equal, found.notes) == (RIGHT, True, [])
    kept = AuditEvent.objects.get(event=Event.SIGNATURE_CHECKED)
    assert kept.facts["is_equal"]
    assert PAYLOAD not in json.dumps(kept.facts)
    assert RIGHT not in json.dumps(kept.facts)


def test_a_whole_body_brings_its_own_signature(check):
    assert check(body()).is_equal
    assert not check(body(PayEventSig="b" * 64)).is_equal
    assert "must be" in check(body(Event="other")).notes[0]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (RIGHT.upper(), "upper case"),
        (f" {RIGHT}\n", "white space around"),
        (envelope.sign(OLD, PURCHASE_EVENT, PAYLOAD), "another key"),
        (mac(f"{PURCHASE_EVENT}&{PAYLOAD}", b"\xab").hexdigest(), "no usual mistake"),
        (mac(f"{PURCHASE_EVENT}{PAYLOAD}").hexdigest(), "“&”"),
        (mac(PAYLOAD).hexdigest(), "Only the payload"),
        (mac(f"{PURCHASE_EVENT}&{PAYLOAD}\n").hexdigest(), "White space"),
        (
            mac(
                f"{PURCHASE_EVENT}&{json.dumps(json.loads(PAYLOAD), separators=(',', ':'))}"
            ).hexdigest(),
            "written anew",
        ),
        (
            base64.b64encode(mac(f"{PURCHASE_EVENT}&{PAYLOAD}").digest()).decode(),
            "base64",
        ),
        (
            hashlib.sha256(f"{PURCHASE_EVENT}&{PAYLOAD}{DELIVERY_SECRET}".encode()).hexdigest(),
            "plain SHA-256",
        ),
        ("nonsense", "64 lower-case"),
        ("f" * 64, "no usual mistake"),
    ],
)
def test_usual_mistakes_are_named(check, wrong, says):
    found = check(signature=wrong)

    assert not found.is_equal
    assert len(found.notes) == 1
    assert says in found.notes[0]


def test_a_key_that_was_decoded_from_hexadecimal_is_recognised(game, check):
    secret = "ab" * 32
    DeliveryKeyFactory(game=game, secret_encrypted=crypto.encrypt(secret))
    wrong = mac(f"{PURCHASE_EVENT}&{PAYLOAD}", bytes.fromhex(secret)).hexdigest()

    assert "decoded from hexadecimal" in check(signature=wrong).notes[0]


def test_a_whole_body_that_was_signed_is_recognised(check):
    text = body()

    assert "whole body" in check(text, signature=mac(text).hexdigest()).notes[0]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda text: text, []),
        (lambda text: text.replace(": ", ":"), ["white space only", "from character"]),
        (lambda text: text.replace("&", ""), ["no “&”", "from character 39"]),
        (
            lambda text: text.replace("é", "\\u00e9"),
            ["the same JSON", "yours has “\\u00e9"],
        ),
        (lambda text: text[:-1], ["“nothing more”"]),
    ],
)
def test_the_first_character_that_differs_is_shown(check, change, says):
    notes = check(signed_text=change(f"{PURCHASE_EVENT}&{PAYLOAD}")).notes

    assert len(notes) == len(says)
    assert all(words in note for words, note in zip(says, notes, strict=True))


@pytest.mark.parametrize(
    "text",
    [
        '{"OutTradeNo":"T1"}',
        '{"OutTradeNo":"\\u0054\\u0031"}',
        '{"OutTradeNo":"fresh","outtradeno":"T1"}',
        '{"a":[{"b":"T1"}]}',
        '{"OutTradeNo":123}',
        body('{"OutTradeNo":"T1"}'),
        "",
        "null",
        '"T1"',
        "[]",
        '{"OutTradeNo":"fresh"',
        '{"OutTradeNo":"fresh","OutTradeNo":"T1"}',
        body("no json"),
    ],
)
def test_nothing_is_signed_that_could_pass_for_a_stored_order(game, check, text):
    OrderFactory(game=game, number="T1")
    OrderFactory(game=game, number="123")

    with pytest.raises(signatures.SignatureRefusedError):
        check(text)

    assert not AuditEvent.objects.exists()


def test_an_order_of_another_game_is_nobodys_business(check):
    OrderFactory(number="T1")

    assert check('{"OutTradeNo":"T1"}').expected


def test_without_a_key_there_is_nothing_to_compare(game, check):
    game.delivery_keys.all().delete()

    with pytest.raises(signatures.SignatureRefusedError):
        check()


# --- The code of the protocol page ------------------------------------------------------------


def message(vector, **changes):
    fields = {
        "EventType": "event", "Event": vector.event, "PayModel": "1",
        "Payload": vector.payload, "PayEventSig": vector.signature,
    }  # fmt: skip
    return json.dumps(fields | changes)


CASES = [
    *((message(vector), True) for vector in vectors.VECTORS),
    (message(vectors.VECTORS[0], Payload="{}"), False),
    (message(vectors.VECTORS[0], PayEventSig="é" * 64), False),
    (message(vectors.VECTORS[0], PayEventSig=vectors.VECTORS[1].signature), False),
    (message(vectors.VECTORS[0], PayEventSig=None), False),
]


@pytest.mark.parametrize(("text", "is_genuine"), CASES)
def test_the_python_sample_verifies(text, is_genuine):
    order = verify.verify(text.encode(), vectors.KEY)

    assert (order is not None) == is_genuine
    assert verify.answer(order)[1]["data"] == ("OK" if is_genuine else "")


@pytest.mark.node
def test_the_javascript_sample_verifies(tmp_path):
    sample = tmp_path / "verify.js"
    sample.write_text(vectors.SAMPLES["JavaScript (Node.js)"], encoding="utf-8")
    run = (
        "const {verify, answer} = require(process.argv[1]);"
        "const cases = JSON.parse(require('fs').readFileSync(0, 'utf8'));"
        "console.log(JSON.stringify(cases.map(text =>"
        " answer(verify(text, '12345'))[1].data === 'OK')));"
    )

    done = subprocess.run(
        ["node", "-e", run, str(sample)],
        input=json.dumps([text for text, _is_genuine in CASES]),
        capture_output=True,
        text=True,
        check=True,
    )

    assert json.loads(done.stdout) == [is_genuine for _text, is_genuine in CASES]


def test_the_vectors_are_those_of_the_protocol():
    for vector in vectors.VECTORS:
        assert envelope.sign(vector.key, vector.event, vector.payload) == vector.signature
    assert vectors.VECTORS[1].signature.startswith("cb535fa6")
