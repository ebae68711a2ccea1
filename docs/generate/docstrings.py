"""griffe: examples in docstrings (`>>>`) are blocks of code on the pages, and grouped fields have a row each."""

import re
from typing import Any

import griffe

EXAMPLE = re.compile(r"^( *)>>> .*?(?=\n *\n|\Z)", re.DOTALL | re.MULTILINE)
GROUP = re.compile(r"^( +)(\w+(?:, \w+)+)(: .*(?:\n\1 +.*)*)", re.MULTILINE)


class Docstrings(griffe.Extension):
    """Fences each example, from its first `>>>` to the next empty line; separates grouped fields."""

    def on_object(self, *, obj: Any, **kwargs: Any) -> None:
        if obj.docstring:
            text = ungrouped(obj.docstring.value)
            obj.docstring.value = EXAMPLE.sub(r"\1```pycon\n\g<0>\n\1```", text)


def ungrouped(docstring: str) -> str:
    """Write "fmin, fmax: …" as an entry for each name, since griffe reads the second one as a type."""
    return GROUP.sub(lambda found: "\n".join(f"{found[1]}{name}{found[3]}" for name in found[2].split(", ")), docstring)
