"""TLS: a self-signed certificate, created at start and removed at stop."""

from __future__ import annotations

import os
import ssl
import tempfile
import weakref
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography import x509

_LIFETIME = timedelta(days=365)


class Certificate:
    """A self-signed certificate for this machine's names. Clients trust its ``ca_file``.

    :param host: a further address or name, besides 127.0.0.1, ::1 and localhost.
    """

    def __init__(self, host: str) -> None:
        certificate, key = _make(host)
        self.ca_file = _write(certificate)
        # Removed at stop, or at the end of the process.
        self.remove = weakref.finalize(self, self.ca_file.unlink, missing_ok=True)
        self._key = key

    def context(self, on_handshake: Callable[[], None]) -> ssl.SSLContext:
        """Return the server's TLS context.

        :param on_handshake: called at the beginning of each handshake.
        """

        def begun(_: object, __: str | None, ___: ssl.SSLContext) -> None:
            on_handshake()

        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        key_file = _write(self._key)  # the ssl module reads keys from files only
        try:
            context.load_cert_chain(self.ca_file, key_file)
        finally:
            key_file.unlink()
        context.sni_callback = begun
        return context


def _make(host: str) -> tuple[bytes, bytes]:
    # Imported here: only TLS needs it. It is a dependency of Airflow, not of this package.
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ECS emulator")])
    subject_key = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    usage = {
        name: name in ("digital_signature", "key_cert_sign", "crl_sign")
        for name in (
            "digital_signature",
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "key_cert_sign",
            "crl_sign",
            "encipher_only",
            "decipher_only",
        )
    }
    now = datetime.now(UTC)  # the system time of the clients, not the emulator's clock
    builder = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _LIFETIME)
        .add_extension(x509.SubjectAlternativeName(_names(host)), critical=False)
        # OpenSSL's strict mode, the default from Python 3.13 on, requires all of these in a trusted root.
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(subject_key, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(subject_key), critical=False)
    )
    certificate = builder.sign(key, hashes.SHA256())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM), private


def _names(host: str) -> list[x509.GeneralName]:
    from cryptography import x509

    names: list[x509.GeneralName] = []
    for each in dict.fromkeys(("127.0.0.1", "::1", "localhost", host)):
        try:
            names.append(x509.IPAddress(ip_address(each)))
        except ValueError:
            names.append(x509.DNSName(each.encode("idna").decode()))
    return names


def _write(pem: bytes) -> Path:
    descriptor, name = tempfile.mkstemp(prefix="ecs-emulator-", suffix=".pem")
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
    return Path(name)
