"""What comes with a request, never more of it than is taken."""

from pathlib import Path

from starlette.requests import Request

from convprior.ground.errors import InputError

JSON_BYTES = 2**16


class TooLargeError(InputError):
    """A body of a request that is larger than what is taken."""


async def receive(request: Request, path: Path, most: int) -> None:
    """Write a request's body to a file. Raises TooLargeError before there is more than ``most``."""
    said = f"the file has more than {most:,} bytes"
    if int(request.headers.get("content-length", 0)) > most:
        raise TooLargeError(said)
    size = 0
    with path.open("wb") as file:
        async for part in request.stream():
            size += len(part)
            if size > most:
                raise TooLargeError(said)
            file.write(part)


async def read_json(request: Request) -> bytes:
    """Return a request's body. Raises TooLargeError for more than the page ever says."""
    data = b""
    async for part in request.stream():
        data += part
        if len(data) > JSON_BYTES:
            raise TooLargeError(f"more than {JSON_BYTES:,} bytes of JSON")
    return data
