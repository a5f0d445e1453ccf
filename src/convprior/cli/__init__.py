"""The command `convprior`. Everything heavy is imported when it is needed: `--help` is instant."""

import io
import os
import sys
from typing import Annotated, NoReturn

import typer

from convprior.cli import collect, compare, doctor, explain, paint, restore
from convprior.cli.command import GroupedCommand

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # its boxes take two lines a group, and break an error over several
    context_settings={"max_content_width": 100, "help_option_names": ["--help", "-h"]},
    epilog="Start here:  convprior restore photo.png",
)
app.command("restore", epilog=restore.EXAMPLES, cls=GroupedCommand)(restore.command)
app.command("paint", epilog=paint.EXAMPLE)(paint.command)
app.command("collect", epilog=collect.EXAMPLE)(collect.command)
app.command("compare", epilog=compare.EXAMPLE)(compare.command)
app.add_typer(explain.app, name="explain")
app.command("doctor", epilog=doctor.EXAMPLE)(doctor.command)


def _print_version(wanted: bool) -> bool:
    if wanted:
        from importlib.metadata import version

        print(f"convprior {version('convprior')}")
        raise typer.Exit
    return wanted


@app.callback()
def _begin(
    _: Annotated[
        bool,
        typer.Option(
            "--version", help="Say the version and exit.", is_eager=True, callback=_print_version
        ),
    ] = False,
) -> None:
    """Restore a damaged picture with nothing but an untrained network: no data, no download."""


def main() -> None:
    """Run the command; what the user can mend ends in one line and a non-zero code."""
    from convprior.ground.errors import InputError

    for stream in (sys.stdout, sys.stderr):  # of Windows, redirected: not all signs can be written
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    # Torch asks for large pages then: the system spends half the time on a large picture's memory.
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    try:
        app(prog_name="convprior")  # also where Python was called with -m
    except InputError as error:
        _fail(str(error))
    except OSError as error:  # a name too long, a disk gone: the system's words are clear
        _fail(str(error))


def _fail(message: str) -> NoReturn:
    print(f"error: {message}", file=sys.stderr)
    sys.exit(1)
