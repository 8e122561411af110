"""Servers whose certificate proves nothing: told why, and never sent anything to."""

import socket
import ssl
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import aiohttp.connector  # noqa: TID251 -- gives the door an authority of our own to trust
import pytest
from cryptography import x509  # noqa: TID251 -- makes the certificates of this test
from cryptography.hazmat.primitives import hashes  # noqa: TID251 -- as above
from cryptography.hazmat.primitives.asymmetric import ec  # noqa: TID251 -- as above
from cryptography.hazmat.primitives.serialization import (  # noqa: TID251 -- as above
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID  # noqa: TID251 -- as above

from sasvpay.kit.outbound import Client, Failure
from tests.kit.http_server import ok, run

NAME = "game.example.com"
NOW = datetime.now(UTC)


def draft(name, issuer, key, days):
    named = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)])
    return (
        x509.CertificateBuilder()
        .subject_name(named).issuer_name(signer).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=30)).not_valid_after(NOW + timedelta(days=days))
    )  # fmt: skip


class Authority:
    def __init__(self, name):
        self.name, self.key = name, ec.generate_private_key(ec.SECP256R1())
        self.certificate = (
            draft(name, name, self.key, 30)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(self.key, hashes.SHA256())
        )

    def pem(self):
        return self.certificate.public_bytes(Encoding.PEM).decode()

    def server(self, folder, name, days, *, newest=None):
        """Return how a server proves that it is that name."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            draft(name, self.name, key, days)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        pem = certificate.public_bytes(Encoding.PEM) + key.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )
        (folder / "server.pem").write_bytes(pem)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if newest:
            with warnings.catch_warnings(action="ignore"):
                context.minimum_version = context.maximum_version = newest
            context.set_ciphers("ALL:@SECLEVEL=0")
        context.load_cert_chain(folder / "server.pem")
        return context


@pytest.fixture(scope="module")
def trusted():
    return Authority("Ours")


@pytest.fixture(autouse=True)
def _world(settings, monkeypatch, trusted):
    settings.DELIVERY_ALLOW_PRIVATE = True
    settings.DELIVERY_TIMEOUT_SECONDS = 3.0
    context = ssl.create_default_context(cadata=trusted.pem())
    monkeypatch.setattr(aiohttp.connector, "_SSL_CONTEXT_VERIFIED", context)


def post_to(proof):
    """Post to a server with that proof, and return the answer and what the server read."""
    read = []

    def serve(listening):
        # Blocking: asyncio's own server hangs up without the alert that says what is wrong.
        with suppress(OSError), proof.wrap_socket(listening.accept()[0], server_side=True) as peer:
            read.append(peer.recv(65536))
            peer.sendall(ok())

    async def post(port):
        async with Client(lookup=lambda host: ["127.0.0.1"]) as client:
            return await client.post(f"https://{NAME}:{port}/", b"{}", {})

    with socket.create_server(("127.0.0.1", 0)) as listening, ThreadPoolExecutor(1) as thread:
        served = thread.submit(serve, listening)
        answer = run(post(listening.getsockname()[1]))
        served.result(10)
    return answer, b"".join(read)


def test_a_server_that_proves_its_name_gets_the_order(tmp_path, trusted):
    answer, read = post_to(trusted.server(tmp_path, NAME, 30))

    assert (answer.status, answer.failure) == (200, None)
    assert read.startswith(b"POST / ")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda at, ours: ours.server(at, NAME, -1), "certificate has expired"),
        (lambda at, ours: ours.server(at, "other.example.com", 30), "Hostname mismatch"),
        (lambda at, ours: Authority("Theirs").server(at, NAME, 30), "unable to get local issuer"),
        (
            lambda at, ours: ours.server(at, NAME, 30, newest=ssl.TLSVersion.TLSv1),
            "protocol version",
        ),
    ],
    ids=["expired", "another name", "nobody we trust", "TLS 1.0"],
)
def test_a_server_that_proves_nothing_is_told_why_and_sent_nothing(tmp_path, trusted, make, reason):
    answer, read = post_to(make(tmp_path, trusted))

    assert (answer.failure, reason in answer.detail) == (Failure.TLS, True), answer
    assert read == b""
