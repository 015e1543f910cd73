"""From the command line's words to the settings of the guard; what would be unsafe is refused."""

import ipaddress
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from likewise.errors import InputError

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
MIN_TOKEN = 16
_NAME = re.compile(r"[a-z0-9_.-]+|\[[0-9a-f:.]+\]")
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:\d+)?")


@dataclass(frozen=True)
class Settings:
    """Who may ask, and how much.

    Parameters
    ----------
    token : str, optional
        What requests must carry (``Authorization: Bearer …``); None lets everyone ask.
    hosts : frozenset of str
        The names that the Host header may have.
    origins : tuple of str
        The sites whose pages may ask (CORS); none by default.
    queue : int
        Requests at work or waiting in one process; more are refused at once.
    max_body : int
        Bytes.
    timeout : float
        Seconds for a request to arrive, and again for its answer.
    """

    token: str | None = None
    hosts: frozenset[str] = LOOPBACK
    origins: tuple[str, ...] = ()
    queue: int = 128
    max_body: int = 1 << 20
    timeout: float = 10.0


def settings_of(
    host: str,
    token_file: Path | None,
    allowed_hosts: Sequence[str],
    origins: Sequence[str],
    *,
    queue: int,
    max_body: int,
    timeout: float,
) -> Settings:
    """Return checked settings.

    Raises
    ------
    InputError
        If another address than loopback has no token, or no name; if the token is empty or short;
        if an origin is none.
    """
    if not 0 < timeout < float("inf"):
        raise InputError(f"--timeout {timeout:g} given; give seconds, more than 0")
    token = None if token_file is None else _token(token_file)
    if not is_loopback(host) and token is None:
        raise InputError(
            f"--host {host} can be reached from other machines, so requests must carry a token; "
            "give --token-file FILE, or leave --host out"
        )
    return Settings(
        token, _hosts(host, allowed_hosts), tuple(map(_origin, origins)), queue, max_body, timeout
    )


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches the address.

    Examples
    --------
    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens, and does not block.

    Raises
    ------
    InputError
        If the address is none of this machine's, or is taken.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        raise InputError(
            f"{host}:{port} cannot be listened on: {error.strerror}; give another --host or --port"
        ) from error
    listener.listen(1024)
    listener.setblocking(False)
    return listener


def _hosts(host: str, allowed: Sequence[str]) -> frozenset[str]:
    names = {name.lower() for name in allowed}
    for name in names:
        if not _NAME.fullmatch(name):
            raise InputError(
                f"--allowed-host {name!r} is no name of a host; give it without scheme, port and "
                "path: shop.example"
            )
    if host in {"0.0.0.0", "::", ""}:  # noqa: S104 - it is the case that needs a name
        if not names:
            raise InputError(
                f"--host {host} listens on every address; say by which name the service is "
                "reached: --allowed-host shop.example"
            )
        return LOOPBACK | names
    return LOOPBACK | names | {f"[{host}]" if ":" in host else host.lower()}


def _token(path: Path) -> str:
    try:
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"--token-file {path} cannot be read: {error}") from error
    if len(token) < MIN_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
        raise InputError(
            f"--token-file {path} holds {'no token' if not token else 'an unfit token'}; write "
            f"{MIN_TOKEN} or more letters and digits to it, as `openssl rand -hex 32` makes"
        )
    return token


def _origin(origin: str) -> str:
    if not _ORIGIN.fullmatch(origin):
        raise InputError(
            f"--allow-origin {origin!r} is no origin; give a scheme and a host: https://shop.example"
        )
    return origin.lower()
