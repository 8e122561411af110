"""Delivery keys: issued once, rotated to a moment, mailed, and kept nowhere else."""

from datetime import timedelta

import pytest
from cryptography import x509  # noqa: TID251 -- a test reads the certificate as a partner would
from cryptography.hazmat.primitives.serialization import (  # noqa: TID251 -- as above
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID  # noqa: TID251 -- as above

from orders import credentials
from orders.credentials import MomentRefusedError, NoDeliveryKeyError
from orders.models import DeliveryKey
from sasvpay.kit import crypto, mail
from sasvpay.kit.models import AuditEvent, Mail
from tests.architecture.world import snapshot
from tests.factories import AT, DeliveryKeyFactory, MembershipFactory, UserFactory

DAY = timedelta(hours=24)


def issue(game, by, at=AT):
    return credentials.issue(game=game, by=by, at=at, active_from=at)


def rotate(game, by, *, at=AT, after=timedelta(0)):
    return credentials.rotate(game=game, by=by, at=at, active_from=at + after)


def letter_text():
    letter = Mail.objects.filter(kind="delivery_key").latest("pk")
    assert letter.body_encrypted
    return crypto.decrypt(letter.body_encrypted)


def section(text, label):
    """Return one PEM block of the letter."""
    begin, end = f"-----BEGIN {label}-----", f"-----END {label}-----"
    return text[text.index(begin) : text.index(end) + len(end)]


@pytest.mark.django_db
def test_the_letter_holds_key_certificate_and_private_key_that_belong_together(game, team_admin):
    key = issue(game, team_admin)

    text, letter = letter_text(), Mail.objects.get()
    certificate = x509.load_pem_x509_certificate(section(text, "CERTIFICATE").encode())
    private_key = load_pem_private_key(section(text, "PRIVATE KEY").encode(), password=None)
    assert letter.to == key.sent_to == team_admin.email
    assert game.name in letter.subject
    assert crypto.decrypt(key.secret_encrypted) in text
    assert certificate.public_key() == private_key.public_key()
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert [name.value for name in names] == [game.app_id]
    assert f"{certificate.serial_number:x}" == key.serial
    assert certificate.not_valid_after_utc == key.expires_at


@pytest.mark.django_db
def test_secrets_are_readable_in_no_table(game, team_admin):
    key = issue(game, team_admin)

    secret = crypto.decrypt(key.secret_encrypted)
    kept = repr(snapshot())
    assert "PRIVATE KEY" not in kept
    assert secret not in kept


@pytest.mark.django_db
def test_the_letter_is_erased_once_the_mail_server_accepted_it(game, team_admin, mailoutbox):
    key = issue(game, team_admin)

    mail.deliver_due(AT)

    letter = credentials.letter_of(key)
    assert "PRIVATE KEY" in mailoutbox[0].body
    assert letter
    assert letter.sent_at
    assert Mail.objects.get().body_encrypted is None


@pytest.mark.django_db
def test_the_letter_speaks_the_language_of_whoever_asked(game):
    person = UserFactory(language="en", name="Ampers & Co")
    game.name = "Swords & <Shields>"
    game.save()

    issue(game, person)

    assert "Swords & <Shields>" in Mail.objects.get().subject


@pytest.mark.django_db
def test_issuing_again_returns_the_key_there_is(game, team_admin, senior_developer):
    first = issue(game, team_admin)

    again = issue(game, senior_developer, at=AT + DAY)

    assert again == first
    assert DeliveryKey.objects.count() == Mail.objects.count() == 1
    facts = AuditEvent.objects.get(event="delivery_key_issued").facts
    assert (facts["serial"], facts["sent_to"]) == (first.serial, team_admin.email)


@pytest.mark.django_db
@pytest.mark.parametrize("after", [timedelta(0), timedelta(hours=6), DAY])
def test_a_new_key_signs_from_the_chosen_moment_and_the_old_one_until_then(game, team_admin, after):
    old = DeliveryKeyFactory(game=game, active_from=AT - DAY)

    new = rotate(game, team_admin, after=after)

    moment = AT + after
    assert credentials.current_key(game, moment - timedelta(seconds=1)) == old
    assert credentials.current_key(game, moment) == new
    assert credentials.coming_key(game, AT) == (new if after else None)
    assert crypto.decrypt(new.secret_encrypted) in letter_text()
    event = AuditEvent.objects.get(event="delivery_key_rotated")
    assert event.facts["active_from"] == moment.isoformat()
    assert crypto.decrypt(new.secret_encrypted) not in str(event.facts)


@pytest.mark.django_db
@pytest.mark.parametrize("after", [timedelta(seconds=-1), DAY + timedelta(seconds=1)])
def test_a_moment_that_is_past_or_too_far_away_is_refused(game, team_admin, after):
    DeliveryKeyFactory(game=game)
    before = snapshot()

    with pytest.raises(MomentRefusedError):
        rotate(game, team_admin, after=after)

    assert snapshot() == before


@pytest.mark.django_db
def test_there_is_nothing_to_rotate_before_the_first_key(game, team_admin):
    before = snapshot()

    with pytest.raises(NoDeliveryKeyError):
        rotate(game, team_admin)

    assert snapshot() == before


@pytest.mark.django_db
def test_a_key_that_was_to_sign_later_is_overtaken_by_one_that_was_asked_for_after_it(
    game, team_admin
):
    DeliveryKeyFactory(game=game, active_from=AT - DAY)
    later = rotate(game, team_admin, after=DAY)

    sooner = rotate(game, team_admin, after=timedelta(hours=1))

    for moment in (AT + timedelta(hours=1), AT + DAY, AT + DAY * 2):
        assert credentials.current_key(game, moment) == sooner
    assert AuditEvent.objects.latest("pk").facts["overtaken"] == [later.serial]


@pytest.mark.django_db
def test_keys_of_other_games_play_no_part(game):
    other = DeliveryKeyFactory()

    assert credentials.current_key(game, AT) is None
    assert credentials.current_key(other.game, AT) == other


@pytest.mark.django_db
def test_rotation_mails_whoever_asked(game, team_admin):
    issue(game, team_admin)
    other = MembershipFactory(team=game.team).user

    key = rotate(game, other, at=AT + DAY)

    assert key.sent_to == Mail.objects.filter(kind="delivery_key").latest("pk").to == other.email
