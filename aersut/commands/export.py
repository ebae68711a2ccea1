"""--mode=export: the selected checkpoint as TensorFlow Lite files, verified."""

from dataclasses import fields
from typing import TYPE_CHECKING

from aersut.commands.command import Arguments, Command
from aersut.commands.common import open_run
from aersut.errors import UserError, nearest

if TYPE_CHECKING:
    from aersut.export.context import Options
    from aersut.run import Run


def export(run: "Run", options: "Options | None" = None) -> None:
    """Export a run, and print what the files are worth."""
    from aersut.export import export as module

    print(module.table(module.export(run, options)))


def _run(arguments: Arguments) -> None:
    export(open_run(arguments), _options(arguments))


def _options(arguments: Arguments) -> "Options":
    from pydantic import TypeAdapter, ValidationError

    from aersut.export.context import Options

    given = dict(arguments.dotted.get("export", []))
    known = [field.name for field in fields(Options)]
    for key in given:
        if key not in known:
            raise UserError(f"there is no --export.{key}.{nearest(key, known)} Known: {', '.join(known)}.")
    try:
        return TypeAdapter(Options).validate_python(given)
    except ValidationError as error:
        [first, *_] = error.errors()
        key = ".".join(map(str, first["loc"]))
        message = first["msg"].removeprefix("Value error, ")
        raise UserError(f"--export{f'.{key}' if key else ''}: {message}.") from None


USAGE = (
    ("--mode=export --workdir=RUN", "turn the selected checkpoint into TensorFlow Lite files"),
    (
        "--mode=export --workdir=RUN --export.KEY=VALUE",
        "KEY: calibration (clips), max_uar_loss (0 to 1, of int8), micro (true, false)",
    ),
)
COMMAND = Command(_run, USAGE, dotted=("export",))
