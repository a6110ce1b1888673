"""The alternatives to DSoftBus: asyncio's TLS 1.3 and `grpc.aio`, measured likewise.

Every function does its work once, both ends in this process, and returns its processor time.
"""

from __future__ import annotations

import asyncio
import datetime
import importlib.util
import os
import ssl
import tempfile
import time
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from nexus.bench.dsoftbus_measure import BULK_BYTES, CALLS, IN_FLIGHT, PIECE_BYTES

GRPC_BYTES: Final = 16
_METHOD: Final = "/bench.Bench/Echo"


def tls_bulk() -> float:
    """Send the bulk through a TLS 1.3 stream of asyncio over loopback."""
    with tempfile.TemporaryDirectory() as folder:
        contexts = _contexts(Path(folder))
        return asyncio.run(_tls_bulk(*contexts))


def has_grpc() -> bool:
    """Say whether grpcio is installed here; nothing of the project needs it."""
    return importlib.util.find_spec("grpc") is not None


def grpc_calls() -> float:
    """Call a handler with `grpc.aio`, plaintext, a hundred in flight."""
    return asyncio.run(_grpc_calls())


async def _tls_bulk(server_context: ssl.SSLContext, client_context: ssl.SSLContext) -> float:
    done = asyncio.Event()

    async def drain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        count = 0
        while data := await reader.read(65_536):
            count += len(data)
        assert count == BULK_BYTES, f"{count} bytes"
        done.set()
        writer.close()

    server = await asyncio.start_server(drain, "127.0.0.1", 0, ssl=server_context)
    port = server.sockets[0].getsockname()[1]
    _, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=client_context, server_hostname="localhost"
    )
    assert writer.get_extra_info("ssl_object").version() == "TLSv1.3"
    piece = os.urandom(PIECE_BYTES)
    begun_s = time.process_time()
    for _ in range(BULK_BYTES // PIECE_BYTES):
        writer.write(piece)
        await writer.drain()
    writer.close()
    await done.wait()
    took_s = time.process_time() - begun_s
    server.close()
    return took_s


def _contexts(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Make a certificate for this run; return the server's and the client's context."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - day)
        .not_valid_after(now + day)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    chain, secret = folder / "certificate.pem", folder / "key.pem"
    chain.write_bytes(certificate.public_bytes(encoding))
    plain = serialization.NoEncryption()
    secret.write_bytes(key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(chain, secret)
    client = ssl.create_default_context(cafile=str(chain))
    for context in (server, client):
        context.minimum_version = ssl.TLSVersion.TLSv1_3
    return server, client


async def _grpc_calls() -> float:
    import grpc  # pants: no-infer-dep

    async def echo(request: bytes, context: object) -> bytes:
        return request

    server = grpc.aio.server()
    handler = grpc.unary_unary_rpc_method_handler(echo)
    service = grpc.method_handlers_generic_handler("bench.Bench", {"Echo": handler})
    server.add_generic_rpc_handlers((service,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        call, message = channel.unary_unary(_METHOD), os.urandom(GRPC_BYTES)
        await call(message)

        async def work() -> None:
            for _ in range(CALLS // IN_FLIGHT):
                await call(message)

        begun_s = time.process_time()
        await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))
        took_s = time.process_time() - begun_s
    await server.stop(None)
    return took_s
