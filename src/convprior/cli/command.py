"""What typer's commands lack: options in groups of plain text, and a matrix as an argument."""

import re
from typing import Any

import typer
from pydantic import ValidationError
from typer.core import TyperCommand, TyperOption

from convprior.ground.errors import InputError

WIDEST = 20  # characters of an option; the text of a wider one begins on the next line


class GroupedCommand(TyperCommand):
    """A command with settings and its options in groups; each begins at the option that names it.

    The name is typer's ``rich_help_panel``, which it shows in boxes only.
    """

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments and each group, with all texts below each other."""
        name = "Arguments"
        groups: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            if isinstance(parameter, TyperOption):
                name = parameter.rich_help_panel or name
            record = parameter.get_help_record(ctx)
            if record is not None:
                option = record[0].replace("<list[Path]>", "<path>...")  # in words for people
                groups.setdefault(name, []).append((option, record[1]))
        for name, records in groups.items():
            with formatter.section(name):
                formatter.write_dl(
                    [(option.ljust(WIDEST), text) for option, text in records], col_max=WIDEST
                )

    def invoke(self, ctx: Any) -> Any:
        """Run the command. Raises typer.BadParameter for a rule of its settings that is broken."""
        try:
            return super().invoke(ctx)
        except ValidationError as error:
            broken = error.errors()[0]
            said = broken["msg"].removeprefix("Value error, ")
            # A rule between several options names them itself.
            named = [option.opts for option in self.params if option.name in broken["loc"]]
            raise typer.BadParameter(said, ctx, param_hint=named[0] if named else None) from None


class MatrixCommand(TyperCommand):
    """A command to which a matrix may be given; what it cannot use is wrong usage."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take what begins with a minus and a number as a matrix: no option does."""
        return super().parse_args(ctx, [re.sub(r"^(?=-\.?\d)", " ", text) for text in args])

    def invoke(self, ctx: Any) -> Any:
        """Run the command. Raises typer.BadParameter for what it cannot use."""
        try:
            return super().invoke(ctx)
        except (ValueError, InputError) as error:
            raise typer.BadParameter(str(error), ctx) from None
