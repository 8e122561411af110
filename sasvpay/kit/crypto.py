"""Secrets and certificates: made, encrypted, signed with, compared, issued. The only user of `cryptography`."""

import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Final

from cryptography import x509  # noqa: TID251 -- this is the door
from cryptography.fernet import (  # noqa: TID251 -- this is the door
    Fernet,
    InvalidToken,
    MultiFernet,
)
from cryptography.hazmat.primitives import hashes, serialization  # noqa: TID251 -- this is the door
from cryptography.hazmat.primitives.asymmetric import ec, rsa  # noqa: TID251 -- this is the door
from cryptography.x509.oid import (  # noqa: TID251 -- this is the door
    ExtendedKeyUsageOID,
    NameOID,
)
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext as _

from sasvpay.kit.errors import DomainError

MASTER_KEY_HINT: Final = (
    "MASTER_KEYS must be one or more Fernet keys, separated by commas: each is 32 random bytes in"
    " URL-safe base64, 44 characters. The first encrypts, all decrypt."
)
LIFETIME: Final = timedelta(days=365)
CA_LIFETIME: Final = timedelta(days=3650)
# A server whose clock is a little slow takes a certificate that was issued just now.
CLOCK_SKEW: Final = timedelta(minutes=5)

AuthorityKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class UnreadableSecretError(Exception):
    """None of the master keys opens this secret: one was removed too early, or the row was changed."""


@lru_cache(maxsize=4)
def _vault(keys: tuple[str, ...]) -> MultiFernet:
    try:
        return MultiFernet([Fernet(key.strip()) for key in keys])
    except ValueError:
        # Without the cause: its text could name a part of the key.
        raise ImproperlyConfigured(MASTER_KEY_HINT) from None


def encrypt(text: str) -> bytes:
    """Return the text under the first master key."""
    return _vault(tuple(settings.MASTER_KEYS)).encrypt(text.encode())


def decrypt(token: bytes | memoryview) -> str:
    """Return the text; raise UnreadableSecretError if no master key opens it."""
    try:
        return _vault(tuple(settings.MASTER_KEYS)).decrypt(bytes(token)).decode()
    except InvalidToken:
        raise UnreadableSecretError("No master key opens this secret.") from None


def rotate(token: bytes | memoryview) -> bytes:
    """Return the same secret under the first master key."""
    try:
        return _vault(tuple(settings.MASTER_KEYS)).rotate(bytes(token))
    except InvalidToken:
        raise UnreadableSecretError("No master key opens this secret.") from None


def is_current(token: bytes | memoryview) -> bool:
    """Say whether a secret is under the first master key already."""
    try:
        _vault(tuple(settings.MASTER_KEYS[:1])).decrypt(bytes(token))
    except InvalidToken:
        return False
    return True


def new_secret() -> str:
    """Return a new key: 64 hexadecimal digits."""
    return secrets.token_hex(32)


def sign_hex(secret: str, text: str) -> str:
    """Return the HMAC-SHA256 of the text in hexadecimal; the key is the secret's own characters."""
    # A lone surrogate is signed too, and then matches nothing, instead of raising.
    message = text.encode("utf-8", "surrogatepass")
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def same(a: str, b: str) -> bool:
    """Compare in constant time."""
    # As bytes: compare_digest raises on text that is not ASCII.
    return hmac.compare_digest(
        a.encode("utf-8", "surrogatepass"), b.encode("utf-8", "surrogatepass")
    )


class CertificateAuthorityError(DomainError):
    """The authority's files are missing, unreadable, expired or do not belong together."""

    code = "certificate_authority"
    status = 503


@dataclass(frozen=True)
class IssuedCertificate:
    """A certificate with its private key, as it is mailed once."""

    certificate_pem: str
    private_key_pem: str = field(repr=False)
    serial: str
    fingerprint: str
    expires_at: datetime


def issue_certificate(common_name: str, at: datetime) -> IssuedCertificate:
    """Issue a key and a certificate for one year, or until the authority's own end if sooner."""
    authority, authority_key = _authority(at)
    key = ec.generate_private_key(ec.SECP256R1())
    start = at.astimezone(UTC).replace(microsecond=0)
    expires_at = min(start + LIFETIME, authority.not_valid_after_utc)
    certificate = (
        _draft(common_name, authority.subject, key.public_key())
        .not_valid_before(max(start - CLOCK_SKEW, authority.not_valid_before_utc))
        .not_valid_after(expires_at)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage(
                [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
            ),
            critical=False,
        )
        .add_extension(_issuer(authority, authority_key), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    return IssuedCertificate(
        certificate_pem=_certificate_pem(certificate).decode(),
        private_key_pem=_key_pem(key).decode(),
        serial=f"{certificate.serial_number:x}",
        fingerprint=certificate.fingerprint(hashes.SHA256()).hex(":").upper(),
        expires_at=expires_at,
    )


def make_development_ca(cert_path: Path, key_path: Path) -> None:
    """Make an authority where there is none yet; safe when several processes start at once."""
    if cert_path.exists():
        return
    if not key_path.exists():
        _place(key_path, _key_pem(ec.generate_private_key(ec.SECP256R1())))
    # Every process certifies the key that won, so it does not matter whose certificate wins.
    key = _load_key(key_path)
    now = datetime.now(UTC).replace(microsecond=0)
    name = _name("Development authority")
    certificate = (
        _draft("Development authority", name, key.public_key())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + CA_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    _place(cert_path, _certificate_pem(certificate))


def _authority(at: datetime) -> tuple[x509.Certificate, AuthorityKey]:
    cert_path, key_path = Path(settings.CA_CERT), Path(settings.CA_KEY)
    try:
        if not settings.PRODUCTION:
            make_development_ca(cert_path, key_path)
        certificate = x509.load_pem_x509_certificate(cert_path.read_bytes())
        key = _load_key(key_path)
    except (OSError, ValueError, TypeError) as problem:
        raise CertificateAuthorityError(
            _("The certificate authority's files (CA_CERT, CA_KEY) cannot be read.")
        ) from problem
    if certificate.public_key() != key.public_key():
        raise CertificateAuthorityError(
            _("The certificate authority's certificate and key do not belong together.")
        )
    if at >= certificate.not_valid_after_utc:
        raise CertificateAuthorityError(_("The certificate authority's certificate has expired."))
    return certificate, key


def _issuer(authority: x509.Certificate, key: AuthorityKey) -> x509.AuthorityKeyIdentifier:
    try:
        theirs = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    except x509.ExtensionNotFound:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(theirs.value)


def _load_key(path: Path) -> AuthorityKey:
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise TypeError("The authority's key is neither an elliptic-curve nor an RSA key.")
    return key


def _place(path: Path, content: bytes) -> None:
    """Write a file whole, readable by its owner only, unless it exists."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        path.hardlink_to(draft)
    except FileExistsError:
        # Another process was first.
        return
    finally:
        draft.unlink()


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _draft(
    common_name: str,
    issuer: x509.Name,
    public_key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_name(common_name))
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _certificate_pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: AuthorityKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
