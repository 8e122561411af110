"""The master key is rotated while the console serves, and nobody notices."""

from datetime import UTC, datetime

import pytest
from allauth.mfa.models import Authenticator
from cryptography.fernet import Fernet  # noqa: TID251 -- makes keys for this test
from django.core.management import CommandError, call_command
from django.test import Client

from permissions import callback_keys
from permissions.models import CallbackKey
from permissions.sign_in import ConsoleMfaAdapter
from sasvpay import master_key
from sasvpay.kit import crypto, mail
from sasvpay.kit.models import Mail
from tests.factories import (
    AT,
    CALLBACK_SECRET,
    DELIVERY_SECRET,
    CallbackKeyFactory,
    DeliveryKeyFactory,
    MiniGameFactory,
    UserFactory,
)
from tests.orders.callbacks import purchase, signed
from tests.threads import together

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


@pytest.fixture(autouse=True)
def _old_key(settings):
    settings.MASTER_KEYS = [OLD]
    callback_keys.forget_all()


def counts():
    return {
        report.column: (report.renewed, report.current, report.unreadable)
        for report in master_key.rotate()
    }


def fill():
    """Store one secret of each kind."""
    encrypt = ConsoleMfaAdapter().encrypt
    person = UserFactory()
    Authenticator.objects.create(user=person, type="totp", data={"secret": encrypt("JBSWY3DP")})
    Authenticator.objects.create(
        user=person, type="recovery_codes", data={"seed": encrypt("5eed"), "used_mask": 3}
    )
    Authenticator.objects.create(
        user=UserFactory(), type="recovery_codes", data={"migrated_codes": [encrypt("a1")]}
    )
    Authenticator.objects.create(user=person, type="webauthn", data={"name": "Phone"})
    mail.send(
        to="a@example.com", template="permissions/audit_anchor", context={"line": "LINE", "at": AT},
        kind="test", at=AT,
    )  # fmt: skip
    Mail.objects.create(to="b@example.com", subject="s", kind="sent", created_at=AT, due_at=AT)
    return CallbackKeyFactory(), DeliveryKeyFactory()


@pytest.mark.django_db
def test_every_secret_is_put_under_the_new_key_and_the_old_one_can_go(settings):
    callback_key, delivery_key = fill()
    settings.MASTER_KEYS = [NEW, OLD]

    first, second = counts(), counts()
    settings.MASTER_KEYS = [NEW]

    assert first == {
        "kit.Mail.body_encrypted": (1, 0, []),
        "permissions.CallbackKey.secret_encrypted": (1, 0, []),
        "orders.DeliveryKey.secret_encrypted": (1, 0, []),
        # What has no secret counts as done.
        "mfa.Authenticator.data": (3, 1, []),
    }
    assert [renewed for renewed, _current, _unreadable in second.values()] == [0, 0, 0, 0]
    callback_key.refresh_from_db()
    delivery_key.refresh_from_db()
    assert crypto.decrypt(callback_key.secret_encrypted) == CALLBACK_SECRET
    assert crypto.decrypt(delivery_key.secret_encrypted) == DELIVERY_SECRET
    assert "LINE" in crypto.decrypt(Mail.objects.get(kind="test").body_encrypted or b"")
    decrypt = ConsoleMfaAdapter().decrypt
    totp, seed, migrated, passkey = Authenticator.objects.order_by("pk")
    assert decrypt(totp.data["secret"]) == "JBSWY3DP"
    assert (decrypt(seed.data["seed"]), seed.data["used_mask"]) == ("5eed", 3)
    assert [decrypt(code) for code in migrated.data["migrated_codes"]] == ["a1"]
    assert passkey.data == {"name": "Phone"}


@pytest.mark.django_db
def test_more_rows_than_a_batch_are_all_renewed(settings, monkeypatch):
    monkeypatch.setattr(master_key, "BATCH", 3)
    keys = [CallbackKeyFactory() for _ in range(7)]
    settings.MASTER_KEYS = [NEW, OLD]

    assert counts()["permissions.CallbackKey.secret_encrypted"] == (7, 0, [])
    assert all(crypto.is_current(CallbackKey.objects.get(pk=k.pk).secret_encrypted) for k in keys)


@pytest.mark.django_db
def test_what_no_key_opens_is_named_and_left_and_the_others_are_renewed(settings, capsys):
    lost = CallbackKeyFactory()
    settings.MASTER_KEYS = [Fernet.generate_key().decode()]
    CallbackKeyFactory()
    settings.MASTER_KEYS = [NEW, settings.MASTER_KEYS[0]]
    before = bytes(CallbackKey.objects.get(pk=lost.pk).secret_encrypted)

    with pytest.raises(CommandError, match="no master key opens: 1"):
        call_command("rotate_master_key")

    said = capsys.readouterr().out
    assert "permissions.CallbackKey.secret_encrypted: 1 re-encrypted, 0 were already." in said
    assert f"row {lost.pk} cannot be read" in said
    assert bytes(CallbackKey.objects.get(pk=lost.pk).secret_encrypted) == before


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_callbacks_are_taken_without_one_refusal_while_keys_are_rotated(settings):
    game, keeper = MiniGameFactory(), UserFactory()
    CallbackKeyFactory(game=game)
    for _ in range(300):
        CallbackKeyFactory(issued_by=keeper)
    settings.MASTER_KEYS = [NEW, OLD]

    def call(sender):
        answers = []
        for number in range(40):
            # Every callback reads the key anew, as in a fresh process.
            callback_keys.forget_all()
            body = signed(purchase(OutTradeNo=f"T{sender}-{number}"))
            answer = Client().post(f"/callback/{game.app_id}", body, "application/json")
            answers.append(answer.json()["returnCode"])
        return set(answers)

    def rotate_keys():
        for _ in range(5):
            callback_keys.rotate(game=game, by=keeper, at=datetime.now(UTC))
        return {report.column: report.unreadable for report in master_key.rotate()}

    *answers, rotated = together(lambda: call(1), lambda: call(2), lambda: call(3), rotate_keys)

    assert answers == [{"0"}] * 3
    assert set(map(tuple, rotated.values())) == {()}
    counts()
    settings.MASTER_KEYS = [NEW]
    callback_keys.forget_all()
    assert call(4) == {"0"}
