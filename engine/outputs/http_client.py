"""The connection of the http output: TLS, proxies, keep-alive.

In: `HttpSettings` and the environment's proxy variables. Out: a urllib3 pool of one connection. Called by `http`.
"""

from __future__ import annotations

import re
import socket
import ssl
import urllib.request
from pathlib import Path
from urllib.parse import unquote, urlsplit

import urllib3
from urllib3.connection import HTTPConnection
from urllib3.exceptions import InsecureRequestWarning

from .settings import HttpSettings

_HASHED_NAME = re.compile(r"[0-9a-f]{8}\.\d+")
_PROBE_AFTER_S = 60


def make_pool(settings: HttpSettings) -> urllib3.PoolManager:
    """Raises OSError and ssl.SSLError for certificates that cannot be used."""
    options: list[tuple[int, int, int | bytes]] = list(HTTPConnection.default_socket_options)
    if settings.keep_alive:
        options.append((socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1))
        options.append((socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _PROBE_AFTER_S))
        options.append((socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _PROBE_AFTER_S))
    timeout = urllib3.Timeout(connect=settings.timeout_s, read=settings.timeout_s)
    context = tls_context(settings) if settings.url.lower().startswith("https:") else None
    proxy = proxy_for(settings.url)
    if proxy:
        headers = urllib3.make_headers(proxy_basic_auth=credentials(proxy)) if credentials(proxy) else None
        return urllib3.ProxyManager(
            proxy, maxsize=1, timeout=timeout, ssl_context=context, proxy_headers=headers, socket_options=options
        )
    return urllib3.PoolManager(maxsize=1, timeout=timeout, ssl_context=context, socket_options=options)


def tls_context(settings: HttpSettings) -> ssl.SSLContext:
    """Raises OSError and ssl.SSLError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.insecure:
        urllib3.disable_warnings(InsecureRequestWarning)  # the user has decided
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif settings.ca_cert or settings.ca_bundle:
        context.load_verify_locations(cafile=settings.ca_cert or settings.ca_bundle)
    else:
        _load_directory(context, settings.ca_path)
    if settings.mtls:
        context.load_cert_chain(settings.client_cert, settings.client_key)
    return context


def _load_directory(context: ssl.SSLContext, path: str) -> None:
    """OpenSSL finds certificates by hashed names only; without such names every PEM file of the directory is read."""
    directory = Path(path)
    names = sorted(entry.name for entry in directory.iterdir()) if directory.is_dir() else []
    if any(_HASHED_NAME.fullmatch(name) for name in names):
        context.load_verify_locations(capath=path)
        return
    files = [directory / name for name in names if name.endswith((".pem", ".crt"))]
    for file in files:
        context.load_verify_locations(cafile=file)
    if not files:
        context.load_default_certs()


def proxy_for(url: str) -> str:
    """The proxy for a URL by HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY; empty for none."""
    parts = urlsplit(url)
    proxies = urllib.request.getproxies_environment()
    if not parts.hostname or urllib.request.proxy_bypass(parts.netloc.rpartition("@")[2]):
        return ""
    found = proxies.get(parts.scheme.lower()) or proxies.get("all") or ""
    return found if not found or "://" in found else f"http://{found}"


def credentials(url: str) -> str:
    """`user:password` of a URL, decoded; empty if it has none."""
    user_info = urlsplit(url).netloc.rpartition("@")[0]
    return unquote(user_info)


def without_credentials(url: str) -> str:
    """The URL as it may stand in a log."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
