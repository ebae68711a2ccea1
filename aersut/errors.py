"""The one exception that stands for a user's mistake."""

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """Something that the user can mend: the message names the thing, what was expected, and the remedy.

    The command line prints it without a traceback and ends with exit status 2.
    """


def nearest(word: str, known: Iterable[str]) -> str:
    """Return " Did you mean 'x'?" for the known word nearest to `word`, or "" where none is near."""
    matches = difflib.get_close_matches(word, list(known), n=1)
    return f" Did you mean '{matches[0]}'?" if matches else ""
