"""Certificates of the tests' TLS servers, signed by an authority that is made for one run."""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

_AUTHORITY_USAGE = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


@dataclass(frozen=True, slots=True)
class Certificates:
    """The TLS contexts of a run: of a client that trusts the authority, and of servers."""

    authority: Path  # a file with the authority's certificate
    server_file: Path  # a file with a server's key and certificate
    client: ssl.SSLContext
    server: ssl.SSLContext
    wrong_name: ssl.SSLContext  # of a server whose certificate is for another host


def make_certificates(directory: Path) -> Certificates:
    """Create an authority and the certificates of a server on loopback."""
    authority = ec.generate_private_key(ec.SECP256R1())
    builder = _builder("authority", authority, is_authority=True).add_extension(_AUTHORITY_USAGE, critical=True)
    root = builder.sign(authority, hashes.SHA256())
    file, server_file = directory / "authority.pem", directory / "server.pem"
    file.write_bytes(root.public_bytes(Encoding.PEM))
    hosts = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    return Certificates(
        file,
        server_file,
        ssl.create_default_context(cafile=file),
        _server_context(server_file, authority, hosts),
        _server_context(directory / "wrong.pem", authority, [x509.DNSName("other.example")]),
    )


def _server_context(file: Path, authority: ec.EllipticCurvePrivateKey, hosts: list[x509.GeneralName]) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder("server", key, is_authority=False)
    builder = builder.add_extension(x509.SubjectAlternativeName(hosts), critical=False)
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key())
    signed = builder.add_extension(identifier, critical=False).sign(authority, hashes.SHA256())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(private + signed.public_bytes(Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def _builder(name: str, key: ec.EllipticCurvePrivateKey, *, is_authority: bool) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority")]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
