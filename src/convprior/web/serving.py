"""Start the page on this machine alone, show it in the system's browser, end it with Ctrl-C."""

import contextlib
import secrets
import socket
import tempfile
import webbrowser
from collections.abc import Callable
from pathlib import Path

import uvicorn

from convprior.ground import atomic
from convprior.ground.errors import InputError
from convprior.web.desk import Desk
from convprior.web.guard import Guard
from convprior.web.line import Line
from convprior.web.server import Server

HOST = "127.0.0.1"


def serve(
    folder: Path,
    shown: list[Path],
    *,
    device: str,
    port: int,
    browser: bool,
    say: Callable[[str], None],
) -> None:
    """Serve the page until Ctrl-C; see `Desk`. Port 0 is any that is free. Raises InputError.

    What was made and not saved is gone then: it lies in the system's folder for such files.
    """
    with (
        contextlib.closing(_bound(port)) as bound,
        atomic.scratch(Path(tempfile.gettempdir())) as scratch,
        contextlib.closing(Line(device)) as line,
    ):
        scratch.chmod(0o700)  # nobody else's pictures
        port = bound.getsockname()[1]
        token = secrets.token_urlsafe(24)
        guarded = Guard(Server(Desk(folder, shown, scratch), line).app(), token, port)
        config = uvicorn.Config(
            guarded, log_level="warning", lifespan="off", timeout_graceful_shutdown=1,
            server_header=False,
        )  # fmt: skip
        address = f"http://{HOST}:{port}/?token={token}"
        say(f"paint: {address}")
        say("Ctrl-C ends it; save first what is to be kept")
        if browser and not webbrowser.open(address):
            say("no browser could be opened: open this address in one")
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[bound])


def _bound(port: int) -> socket.socket:
    """Return a socket that listens on this machine alone. Raises InputError."""
    bound = socket.socket()
    try:
        bound.bind((HOST, port))
        bound.listen()  # so that a browser that is faster than the server waits
    except OSError as error:
        bound.close()
        raise InputError(f"port {port}: cannot be listened on ({error.strerror})") from None
    return bound
