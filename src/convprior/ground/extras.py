"""The base restores pictures, extras bring the rest: one that is missing is named."""

from importlib.util import find_spec

from convprior.ground.errors import InputError


class MissingExtraError(InputError):
    """An extra of this package is not installed."""


def need(extra: str, *modules: str) -> None:
    """Raise MissingExtraError if one of the modules that an extra brings is not there."""
    for module in modules:
        if find_spec(module) is None:
            raise MissingExtraError(
                f"{module} is not installed: pip install 'convprior[{extra}]' brings it"
            )
