"""Tells a caller's server that a job is done, without letting the caller reach into the network the worker is in.

The address must be https. Whatever its name resolves to must be public, all of it, and the connection goes to one of
the very addresses that were looked at, so that a second answer of the name server changes nothing. Redirects are not
followed. The message names the job and its status; the transcript is fetched with the caller's own key.

Sources: Standard Webhooks 1.0 (headers and signature); OWASP, "Server Side Request Forgery Prevention".
"""

import base64
import hashlib
import hmac
import http.client
import ipaddress
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import SplitResult, urlsplit

from hark.errors import HarkError, InvalidParameter

MAX_URL_CHARACTERS = 2048

_ATTEMPTS = 3
_PAUSE_S = 1.0
# For connecting, and again for all of handshake and answer, which do not last longer by trickling in.
_ATTEMPT_S = 5.0
# What is not the public internet, or not all of it, by IANA's registries of special-purpose addresses (RFC 6890, as of
# November 2026), and multicast. Written out here since Python's own lists are as old as Python is; anycast services
# within these blocks are refused too: no receiver of webhooks is among them.
_SPECIAL_4 = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private use
        "100.64.0.0/10",  # shared address space of carriers
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local, and the metadata of clouds
        "172.16.0.0/12",  # private use
        "192.0.0.0/24",  # protocol assignments: DS-Lite, NAT64 discovery, dummy addresses
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # withdrawn 6to4 relays
        "192.168.0.0/16",  # private use
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
# Of version 6 only this block is the public internet at all (RFC 4291): loopback, link-local, private, multicast,
# NAT64's local prefix 64:ff9b:1::/48, segment routing's 5f00::/16 and whatever comes are outside it.
_GLOBAL_6 = ipaddress.IPv6Network("2000::/3")
_SPECIAL_6 = tuple(
    ipaddress.IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments: Teredo, benchmarks, ORCHID, AMT, AS112
        "2001:db8::/32",  # documentation
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)
# Addresses of version 6 that lead to one of version 4.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Undelivered(HarkError):
    """The receiver did not take the message."""


class Refused(Undelivered):
    """The address leads where no message may go; trying again changes nothing."""


def check_url(url: str) -> None:
    """Refuses an address that can be seen to be wrong; what its name resolves to is seen when the message is sent.

    Raises:
        InvalidParameter: it is not https, too long, holds a password, or names a host that is not public by its number.
    """
    try:
        parts = _parts(url)
        # Numbers in any spelling, 127.1 and 0x7f000001 too, but no names: this asks nobody.
        answers = socket.getaddrinfo(parts.hostname, parts.port or 443, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        return
    except (ValueError, OSError) as error:
        raise InvalidParameter(
            "webhook_url must be an https address of at most 2048 plain characters, without a password.",
            param="webhook_url",
        ) from error
    if not all(is_public(str(answer[4][0])) for answer in answers):
        raise InvalidParameter("webhook_url must lead to a public address.", param="webhook_url")


def _parts(url: str) -> SplitResult:
    """Takes an address apart.

    Raises:
        ValueError: it is not one that messages are sent to.
    """
    # Some parsers drop what others read: nothing but visible ASCII, and no backslash, leaves no room for two opinions.
    if len(url) > MAX_URL_CHARACTERS or not url.isascii() or not url.isprintable() or set(url) & set(' \\"<>'):
        raise ValueError("unusual characters")
    parts = urlsplit(url)
    if (
        parts.scheme != "https"
        or not parts.hostname
        or set(parts.netloc) & set("@%")
        or parts.fragment
        or parts.port == 0
    ):
        raise ValueError("not https, or with a password or a fragment")
    return parts


def is_public(address: str) -> bool:
    """Says whether an IP address is of the public internet: neither private nor set aside for another purpose."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    embedded = _embedded(ip)
    if embedded is not None:
        return is_public(str(embedded))
    if isinstance(ip, ipaddress.IPv4Address):
        return not any(ip in network for network in _SPECIAL_4)
    return ip in _GLOBAL_6 and not any(ip in network for network in _SPECIAL_6)


def _embedded(ip: _Address) -> ipaddress.IPv4Address | None:
    """Returns the address of version 4 that one of version 6 leads to."""
    if isinstance(ip, ipaddress.IPv4Address):
        return None
    if ip in _NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour


def signature(secret: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """Signs a message; the receiver computes the same and looks whether the time is a recent one."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode()


def send(
    url: str,
    secret: bytes,
    job_id: str,
    status: str,
    sleep: Callable[[float], None] = time.sleep,
    message_id: str = "",
) -> None:
    """Sends `{"type": "job.completed", "timestamp", "data": {"id", "status"}}`, trying again a few times.

    Args:
        url: the receiver's address.
        secret: what the message is signed with.
        job_id: whose message it is.
        status: "completed", "failed" or "expired".
        sleep: waits so many seconds.
        message_id: by which a receiver tells a message that came twice; by default the job's id.

    Raises:
        Undelivered: the receiver answered no attempt with a 2xx, or its address is refused.
    """
    for attempt in range(_ATTEMPTS):
        try:
            _attempt(url, secret, job_id, status, message_id or job_id, attempt)
        except Refused:
            raise
        except (Undelivered, OSError, http.client.HTTPException, ValueError) as error:
            if attempt == _ATTEMPTS - 1:
                raise Undelivered(f"The webhook was not taken: {type(error).__name__}.") from error
            sleep(_PAUSE_S * 2**attempt)
        else:
            return


def _attempt(url: str, secret: bytes, job_id: str, status: str, message_id: str, number: int) -> None:
    parts = _parts(url)
    host, port = parts.hostname or "", parts.port or 443
    now = int(time.time())
    message = {"type": f"job.{status}", "timestamp": now, "data": {"id": job_id, "status": status}}
    body = json.dumps(message).encode()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "hark-webhook",
        "webhook-id": message_id,
        "webhook-timestamp": str(now),
        "webhook-signature": signature(secret, message_id, now, body),
        "Connection": "close",
    }
    addresses = _public_addresses(host, port)
    connection = _Pinned(host, port, addresses[number % len(addresses)])  # one of them may not be reached from here
    try:
        connection.request("POST", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), body, headers)
        answer = connection.getresponse().status
    finally:
        connection.close()
    if not 200 <= answer < 300:
        raise Undelivered(f"The receiver answered {answer}.")


def _public_addresses(host: str, port: int) -> list[str]:
    """Resolves a name, to one address at least.

    Raises:
        Refused: one of the addresses is not public.
    """
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    addresses = [str(answer[4][0]) for answer in answers]
    if not addresses or not all(is_public(address) for address in addresses):
        raise Refused("The webhook's name leads to an address that is not public.")
    return addresses


class _Pinned(http.client.HTTPSConnection):
    """A connection to one address, with the certificate of a name, that ends after `_ATTEMPT_S` whatever happens."""

    def __init__(self, host: str, port: int, address: str) -> None:
        self._tls = ssl.create_default_context()
        super().__init__(host, port, timeout=_ATTEMPT_S, context=self._tls)
        self._address = address
        self._end: threading.Timer | None = None

    def connect(self) -> None:
        plain = socket.create_connection((self._address, self.port), _ATTEMPT_S)
        secure = self._tls.wrap_socket(plain, server_hostname=self.host, do_handshake_on_connect=False)
        self.sock = secure
        # Timeouts of sockets begin anew with every byte.
        self._end = threading.Timer(_ATTEMPT_S, _shut, [secure])
        self._end.daemon = True
        self._end.start()
        secure.do_handshake()

    def close(self) -> None:
        if self._end:
            self._end.cancel()
        super().close()


def _shut(connection: socket.socket) -> None:
    with suppress(OSError):  # it had ended by itself
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
