"""The command `convprior`. Everything heavy is imported when it is needed: `--help` is instant."""

import sys
from typing import NoReturn

import typer

from convprior.cli import compare, doctor, explain, restore, sync

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"max_content_width": 100},
    help="Restore a damaged picture with nothing but an untrained network: no data, no download.",
)
app.command("restore", epilog=restore.EXAMPLE)(restore.restore)
app.command("compare", epilog=compare.EXAMPLE)(compare.compare)
app.command("doctor", epilog=doctor.EXAMPLE)(doctor.doctor)
app.command("explain", epilog=explain.EXAMPLE, context_settings=explain.SETTINGS)(explain.explain)
app.command("sync", epilog=sync.EXAMPLE)(sync.sync)


def main() -> None:
    """Run the command; what the user can mend ends in one line and a non-zero code."""
    from convprior.ground.errors import InputError

    try:
        app(prog_name="convprior")  # also where Python was called with -m
    except InputError as error:
        _fail(str(error))
    except OSError as error:  # a name too long, a disk gone: the system's words are clear
        _fail(str(error))


def _fail(message: str) -> NoReturn:
    print(f"error: {message}", file=sys.stderr)
    sys.exit(1)
