"""docs/robustness.md defines the conditions of the standard set, all of them and in their order."""

from pathlib import Path

from aersut.stress import STANDARD, STANDARD_NAME


def test_the_table_has_the_standard_set():
    text = (Path(__file__).parents[2] / "docs/robustness.md").read_text()
    [_, section] = text.split(f"### The standard set `{STANDARD_NAME}`")
    rows = [line.split(" | ")[0].removeprefix("| ") for line in section.split("\n### ")[0].splitlines() if "| " in line]
    assert rows[1:] == [condition.title for condition in STANDARD]
    assert f"the {len(STANDARD)} conditions of the standard set" in text
