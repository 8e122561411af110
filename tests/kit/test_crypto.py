import hashlib
import hmac
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509  # noqa: TID251 -- looks into what the door made
from cryptography.fernet import Fernet  # noqa: TID251 -- as above
from cryptography.hazmat.primitives import hashes, serialization  # noqa: TID251 -- as above
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa  # noqa: TID251 -- as above
from cryptography.x509.oid import NameOID  # noqa: TID251 -- as above
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given
from hypothesis import strategies as st

from sasvpay.kit import crypto

AT = datetime(2030, 1, 2, 3, 4, 5, 678, tzinfo=UTC)


def new_key():
    return Fernet.generate_key().decode()


@pytest.fixture
def authority(settings, tmp_path):
    settings.PRODUCTION = False
    settings.CA_CERT = tmp_path / "authority" / "ca.crt"
    settings.CA_KEY = tmp_path / "authority" / "ca.key"
    return settings


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_decrypt_reads_what_encrypt_wrote(text):
    assert crypto.decrypt(crypto.encrypt(text)) == text


def test_encrypt_hides_the_text_and_differs_each_time():
    first, second = crypto.encrypt("a canary"), crypto.encrypt("a canary")

    assert first != second
    assert b"canary" not in first


def test_decrypt_reads_a_memoryview_as_the_database_returns_it():
    assert crypto.decrypt(memoryview(crypto.encrypt("text"))) == "text"


def test_rotate_puts_a_secret_under_the_first_master_key(settings):
    old, new = new_key(), new_key()
    settings.MASTER_KEYS = [old]
    token = crypto.encrypt("text")
    settings.MASTER_KEYS = [new, old]

    rotated = crypto.rotate(memoryview(token))

    settings.MASTER_KEYS = [new]
    assert crypto.decrypt(rotated) == "text"
    with pytest.raises(crypto.UnreadableSecretError):
        crypto.decrypt(token)
    with pytest.raises(crypto.UnreadableSecretError):
        crypto.rotate(token)


@pytest.mark.parametrize(
    "spoil", [lambda t: t[:-1], lambda t: t[:20] + b"A" + t[21:], lambda t: b""]
)
def test_decrypt_refuses_a_changed_secret(spoil):
    token = crypto.encrypt("a secret of some length")

    with pytest.raises(crypto.UnreadableSecretError):
        crypto.decrypt(spoil(token))


@pytest.mark.parametrize("keys", [[""], ["short"], ["x" * 44], ["é" * 32], []])
def test_keys_that_are_none_are_told_by_the_name_of_the_setting_and_never_shown(settings, keys):
    settings.MASTER_KEYS = keys

    with pytest.raises(ImproperlyConfigured) as refusal:
        crypto.encrypt("a secret")

    assert str(refusal.value).startswith("MASTER_KEYS must be")
    assert not any(key and key in str(refusal.value) for key in keys if len(key) > 5)


def test_new_secret_is_64_hexadecimal_digits_and_new():
    first, second = crypto.new_secret(), crypto.new_secret()

    assert first != second
    assert len(bytes.fromhex(first)) == 32


def test_sign_hex_uses_the_characters_of_the_secret_as_the_key():
    secret = crypto.new_secret()

    signed = crypto.sign_hex(secret, "päyload")

    assert signed == hmac.new(secret.encode(), "päyload".encode(), hashlib.sha256).hexdigest()


@pytest.mark.parametrize(
    ("a", "b", "equal"),
    [
        ("abc", "abc", True),
        ("abc", "abd", False),
        ("abc", "ab", False),
        ("é", "é", True),
        ("é", "e", False),
        ("\ud800", "abc", False),
        ("", "", True),
    ],
)
def test_same_compares_any_text(a, b, equal):
    assert crypto.same(a, b) is equal


def test_sign_hex_signs_a_lone_surrogate_instead_of_raising():
    assert len(crypto.sign_hex("key", "\ud800")) == 64


def test_issue_certificate_is_signed_by_the_authority_for_one_year(authority):
    issued = crypto.issue_certificate("mg_8f21c4", AT)

    certificate = x509.load_pem_x509_certificate(issued.certificate_pem.encode())
    certificate.verify_directly_issued_by(
        x509.load_pem_x509_certificate(authority.CA_CERT.read_bytes())
    )
    key = serialization.load_pem_private_key(issued.private_key_pem.encode(), password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert key.curve.name == "secp256r1"
    assert key.public_key() == certificate.public_key()
    assert [a.value for a in certificate.subject] == ["mg_8f21c4"]
    assert issued.expires_at == AT.replace(microsecond=0) + timedelta(days=365)
    assert certificate.not_valid_after_utc == issued.expires_at
    assert int(issued.serial, 16) == certificate.serial_number
    assert (
        issued.fingerprint.replace(":", "").lower()
        == certificate.fingerprint(hashes.SHA256()).hex()
    )
    assert len(issued.fingerprint) == 95


def test_issue_certificate_never_shows_the_private_key_in_its_text(authority):
    issued = crypto.issue_certificate("a" * 64, AT)

    assert "PRIVATE KEY" in issued.private_key_pem
    assert "PRIVATE KEY" not in repr(issued)


def test_issue_certificate_works_under_an_rsa_authority_and_ends_with_it(authority):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "A superapp")])
    ends_at = datetime(2030, 6, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 7)
        .not_valid_before(datetime(2029, 1, 1, tzinfo=UTC))
        .not_valid_after(ends_at)
        .add_extension(x509.SubjectKeyIdentifier(b"ours"), critical=False)
        .sign(key, hashes.SHA256())
    )
    authority.PRODUCTION = True
    authority.CA_CERT.parent.mkdir()
    authority.CA_CERT.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    authority.CA_KEY.write_bytes(crypto._key_pem(key))

    issued = crypto.issue_certificate("mg_8f21c4", AT)

    leaf = x509.load_pem_x509_certificate(issued.certificate_pem.encode())
    leaf.verify_directly_issued_by(certificate)
    pointer = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    assert pointer.key_identifier == b"ours"
    assert issued.expires_at == ends_at


def test_issue_certificate_refuses_in_production_without_an_authority(authority):
    authority.PRODUCTION = True

    with pytest.raises(crypto.CertificateAuthorityError, match="cannot be read"):
        crypto.issue_certificate("mg_8f21c4", AT)

    assert not authority.CA_CERT.exists()


def test_issue_certificate_refuses_an_authority_that_is_not_one(authority, tmp_path):
    crypto.make_development_ca(authority.CA_CERT, authority.CA_KEY)
    crypto.make_development_ca(tmp_path / "b.crt", tmp_path / "b.key")
    authority.CA_KEY = tmp_path / "b.key"

    with pytest.raises(crypto.CertificateAuthorityError, match="belong together"):
        crypto.issue_certificate("mg_8f21c4", AT)


def test_issue_certificate_refuses_an_expired_authority(authority):
    with pytest.raises(crypto.CertificateAuthorityError, match="expired"):
        crypto.issue_certificate("mg_8f21c4", AT + timedelta(days=7300))


def test_issue_certificate_refuses_a_key_of_another_kind(authority):
    crypto.make_development_ca(authority.CA_CERT, authority.CA_KEY)
    key = ed25519.Ed25519PrivateKey.generate()
    authority.CA_KEY.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )

    with pytest.raises(crypto.CertificateAuthorityError, match="cannot be read"):
        crypto.issue_certificate("mg_8f21c4", AT)


def test_the_slower_of_two_processes_keeps_the_file_of_the_faster(tmp_path):
    crypto._place(tmp_path / "ca.key", b"first")
    crypto._place(tmp_path / "ca.key", b"second")

    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"first"]


def test_make_development_ca_makes_one_authority_when_many_start_at_once(tmp_path):
    cert, key = tmp_path / "ca.crt", tmp_path / "ca.key"

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda _: crypto.make_development_ca(cert, key), range(20)))

    certificate = x509.load_pem_x509_certificate(cert.read_bytes())
    private = serialization.load_pem_private_key(key.read_bytes(), password=None)
    assert certificate.public_key() == private.public_key()
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ca.crt", "ca.key"]


def test_make_development_ca_keeps_what_is_there_and_heals_a_missing_certificate(tmp_path):
    cert, key = tmp_path / "ca.crt", tmp_path / "ca.key"
    crypto.make_development_ca(cert, key)
    before = (cert.read_bytes(), key.read_bytes())

    crypto.make_development_ca(cert, key)

    assert (cert.read_bytes(), key.read_bytes()) == before
    cert.unlink()
    crypto.make_development_ca(cert, key)
    assert key.read_bytes() == before[1]
    assert cert.exists()
