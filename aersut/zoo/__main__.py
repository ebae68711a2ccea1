"""The zoo's own commands: python -m aersut.zoo add RUN, python -m aersut.zoo table."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from aersut.errors import UserError, require
from aersut.zoo.catalog import ZOO
from aersut.zoo.table import zoo_table


def main(arguments: Sequence[str] | None = None, zoo: Path = ZOO) -> int:
    """Run one command on the zoo in the folder `zoo`; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m aersut.zoo", description="Maintain the model zoo.")
    commands = parser.add_subparsers(dest="command", required=True)
    adding = commands.add_parser("add", help="add a finished, exported and evaluated run, or replace a model by it")
    adding.add_argument("run", type=Path, help="run folder")
    adding.add_argument("--name", help="name of the model; default: that of the experiment")
    commands.add_parser("table", help="print the table of docs/zoo.md")
    chosen = parser.parse_args(arguments)
    if chosen.command == "table":
        print(zoo_table())
        return 0
    try:
        require("adding a model needs", "train", "jax", "flax", "pydantic", "requests")
        from aersut.zoo.add import add

        model = add(chosen.run, chosen.name, zoo)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    size = sum((zoo / model.name / file).stat().st_size for file in model.files)
    print(f"{zoo / model.name}: {size / 1000:,.0f} KB; run {model.run}")
    print("update docs/zoo.md by the output of: python -m aersut.zoo table")
    return 0


if __name__ == "__main__":
    sys.exit(main())
