"""What is answered where something cannot be done: one line of JSON."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from convprior.ground.errors import InputError
from convprior.web.bodies import TooLargeError
from convprior.web.desk import TakenError


def handlers(plain: Callable[[str], str]) -> dict[Any, Any]:
    """Return Starlette's handlers of what is raised; ``plain`` makes a message one of the page."""

    def wrong(status: int) -> Callable[[Request, Exception], Response]:
        return lambda _, error: _said(plain(str(error)), status)

    return {
        KeyError: _unknown, IndexError: _unknown, FileNotFoundError: _gone,
        ValidationError: _invalid, TakenError: wrong(409), TooLargeError: wrong(413),
        InputError: wrong(400), OSError: wrong(400),
    }  # fmt: skip


def _said(text: str, status: int) -> Response:
    return JSONResponse({"error": text}, status)


def _unknown(request: Request, _: Exception) -> Response:
    return _said(f"{quote(request.url.path)}: there is no such thing", 404)


def _gone(_: Request, error: FileNotFoundError) -> Response:
    return _said(f"{Path(error.filename).name}: is not there any more", 404)


def _invalid(_: Request, error: ValidationError) -> Response:
    broken = error.errors()[0]
    said = broken["msg"].removeprefix("Value error, ")
    where = ".".join(str(part) for part in broken["loc"])
    return _said(f"{where}: {said}" if where else said, 400)
