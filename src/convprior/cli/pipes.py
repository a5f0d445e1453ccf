"""Standard input and output as a picture's file: bytes in, bytes out, and words to stderr."""

import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from convprior.ground.errors import InputError
from convprior.pictures import kinds

STREAM = Path("-")
OUTPUTS = (STREAM, Path("/dev/stdout"))


@dataclass(frozen=True)
class Ends:
    """A file to read and one to write, and what makes of a message one that names no other file."""

    source: Path
    target: Path
    plain: Callable[[str], str] = str


def is_input(path: Path) -> bool:
    """Return whether a path is standard input, or a pipe or device of any name."""
    if path in (STREAM, Path("/dev/stdin")):
        return True
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)


@contextmanager
def opened(source: Path, target: Path) -> Iterator[Ends]:
    """Yield the ends of the work; what is piped lies in a folder that is there no longer than that.

    What was written is sent to standard output when the block ends well. Raises InputError.
    """
    if not is_input(source) and target not in OUTPUTS:
        yield Ends(source, target)
        return
    if target in OUTPUTS and sys.stdout.isatty():
        raise InputError("standard output is a terminal: redirect it to a file, or give -o FILE")
    with tempfile.TemporaryDirectory(prefix="convprior-", ignore_cleanup_errors=True) as name:
        folder = Path(name)

        def plain(text: str) -> str:
            return text.replace(f"{folder}/", "").replace(f"{folder}\\", "")

        if is_input(source):
            source = _received(source, folder)
        sent = target in OUTPUTS
        if sent:
            target = folder / f"standard-output{kinds.written_name(source).suffix}"
        try:
            yield Ends(source, target, plain)
        except InputError as error:
            raise InputError(plain(str(error))) from None
        if sent and target.exists():
            sys.stdout.buffer.write(target.read_bytes())
            sys.stdout.buffer.flush()


def _received(source: Path, folder: Path) -> Path:
    """Return a file with all that comes in, named by what its bytes are."""
    if source == STREAM:
        if sys.stdin.isatty():
            raise InputError("standard input is a terminal: pipe a picture into it")
        data = sys.stdin.buffer.read()
    else:
        data = source.read_bytes()
    if not data:
        raise InputError("standard input: is empty: pipe a picture into it")
    kind = kinds.of(data)
    if kind in kinds.NOT_READ:
        raise InputError(f"standard input: is {kinds.advice(kind)}")
    suffix = next((suffix for suffix, named in kinds.SUFFIXES.items() if named == kind), None)
    if suffix is None:
        expected = ", ".join(dict.fromkeys(kinds.SUFFIXES.values()))
        raise InputError(f"standard input: not a picture that can be read (expected {expected})")
    received = folder / f"standard-input{suffix}"
    received.write_bytes(data)
    return received
