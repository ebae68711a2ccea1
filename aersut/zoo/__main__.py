"""The zoo's own commands: python -m aersut.zoo copy NAME FOLDER, add RUN, table."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from aersut.errors import UserError, require
from aersut.program import piped, unusable_file
from aersut.zoo.catalog import C_LIBRARY, ZOO, copy
from aersut.zoo.table import zoo_tables


def main(arguments: Sequence[str] | None = None, zoo: Path = ZOO) -> int:
    """Run one command on the zoo in the folder `zoo`; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m aersut.zoo", description="Copy, add and list models of the zoo.")
    commands = parser.add_subparsers(dest="command", required=True)
    copying = commands.add_parser("copy", help="copy the files of a model, with its C library, into a new folder")
    copying.add_argument("name", help="name of the model")
    copying.add_argument("folder", type=Path, help="the folder to make")
    adding = commands.add_parser("add", help="add a finished, exported and evaluated run, or replace a model by it")
    adding.add_argument("run", type=Path, help="run folder")
    adding.add_argument("--name", help="name of the model; default: that of the experiment")
    commands.add_parser("table", help="print the tables of docs/zoo.md")
    chosen = parser.parse_args(arguments)
    try:
        return piped(lambda: _run(chosen, zoo))
    except UserError as error:
        message: str | None = str(error)
    except OSError as error:
        if (message := unusable_file(error)) is None:
            raise
    print(f"error: {message}", file=sys.stderr)
    return 2


def _run(chosen: argparse.Namespace, zoo: Path) -> int:
    if chosen.command == "table":
        print(zoo_tables())
        return 0
    if chosen.command == "copy":
        copy(chosen.name, chosen.folder, zoo)
        print(f"{chosen.folder}: {', '.join(sorted(path.name for path in chosen.folder.iterdir()))}")
        if (zoo / chosen.name / C_LIBRARY).exists():
            print(f"{chosen.folder / 'c'}: the C library; compile it with: make -C {chosen.folder / 'c'}")
        return 0
    require("adding a model needs", "train", "jax", "flax", "pydantic", "requests")
    from aersut.publish import add

    model = add(chosen.run, chosen.name, zoo)
    size = sum((zoo / model.name / file).stat().st_size for file in model.files)
    print(f"{zoo / model.name}: {size / 1000:,.0f} KB; run {model.run}")
    print("update docs/zoo.md by the output of: python -m aersut.zoo table")
    return 0


if __name__ == "__main__":
    sys.exit(main())
