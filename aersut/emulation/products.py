"""An estimate of whether the C library fits a board on sale, from the measurements on an emulated processor."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CYCLES = (1, 2)
"""Assumed cycles per instruction, without waiting for memory. A Cortex-M7 or M33 can also begin two in a cycle."""
EXPLAINED = (
    "An estimate, not a measurement. Load: instructions for a second of audio, at 1 to 2 cycles each, in percent of",
    "the highest clock. Fits: flash and RAM suffice, and the load is below 100 % at 2 cycles (yes) or only at 1 cycle",
    "(perhaps). RAM contains the stack. Microphone, radio and operating system need memory and time in addition.",
    "Not included: waiting for flash, which caches and prefetching make rare where they are on. ~: another processor",
    "was counted. Compiled with -O2; -Os, the default of Arduino's cores, takes more instructions.",
)


@dataclass(frozen=True)
class Product:
    """A board on sale.

    Attributes:
        flash, ram: KB of 1,024 bytes.
        source: of these facts: title and address.
        counted_as: the emulated processor that stands for another one; None for `processor` itself.
        runs_from_ram: the start-up code copies code and constants to RAM.
    """

    name: str
    chip: str
    processor: str
    clock_mhz: int
    flash: int
    ram: int
    source: str
    counted_as: str | None = None
    runs_from_ram: bool = False


def products() -> tuple[Product, ...]:
    """The boards of products.toml."""
    tree = tomllib.loads(Path(__file__).with_name("products.toml").read_text(encoding="utf-8"))
    return tuple(Product(**board) for board in tree["board"])


def fits(boards: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """For each product whose processor was emulated: fractions of its flash and RAM, the load, and whether it fits.

    Args:
        boards: measurements, as in emulation.json.

    Returns:
        Objects for emulation.json. "load" has the fraction of all cycles at each number of `CYCLES`.
    """
    measured = {board["processor"]: board for board in boards}
    return [
        _fit(product, measured[counted])
        for product in products()
        if (counted := product.counted_as or product.processor) in measured
    ]


def _fit(product: Product, board: Mapping[str, Any]) -> dict[str, Any]:
    flash = board["flash"] / (1024 * product.flash)
    copied = board["flash"] if product.runs_from_ram else 0
    ram = (board["ram"] + board["stack"] + copied) / (1024 * product.ram)
    load = [cycles * board["million_instructions_per_second"] / product.clock_mhz for cycles in CYCLES]
    exceeded = [what for what, used in (("flash", flash), ("RAM", ram), ("load", load[0])) if used >= 1]
    return {
        "name": product.name,
        "chip": product.chip,
        "processor": product.processor,
        "counted_as": product.counted_as or product.processor,
        "clock_mhz": product.clock_mhz,
        "flash": round(flash, 4),
        "ram": round(ram, 4),
        "load": [round(one, 4) for one in load],
        "fits": f"no: {', '.join(exceeded)}" if exceeded else "yes" if load[1] < 1 else "perhaps",
    }


HEADINGS = ("board on sale", "processor", "highest clock", "flash", "RAM", "load", "fits")


def cells(fit: Mapping[str, Any]) -> tuple[str, ...]:
    """A row of a table under `HEADINGS`."""
    low, high = (f"{100 * one:,.0f}" for one in fit["load"])
    rough = "" if fit["counted_as"] == fit["processor"] else "~"
    return (
        f"{fit['name']} ({fit['chip']})",
        fit["processor"],
        f"{fit['clock_mhz']} MHz",
        f"{100 * fit['flash']:.0f} %",
        f"{100 * fit['ram']:.0f} %",
        f"{rough}{low}–{high} %",
        fit["fits"],
    )


def table(found: Sequence[Mapping[str, Any]]) -> str:
    """The result of `fits` as a table for the terminal."""
    rows = [HEADINGS, *map(cells, found)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*lines, *EXPLAINED])
