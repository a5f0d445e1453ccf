"""The one kind of error that a user can mend."""


class InputError(Exception):
    """What the user gave cannot be used: a file, a parameter, an argument, a variable.

    The message stands alone: where, what came, what was expected, what to do. Commands print it as
    one line and end with a non-zero code; anything else is a bug and keeps its traceback.
    """
