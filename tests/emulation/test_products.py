"""The estimate for boards on sale, and its table in the model card."""

from pathlib import Path
from typing import Any

import pytest

from aersut.emulation.boards import BOARDS
from aersut.emulation.card import update_card
from aersut.emulation.products import fits, products, table
from aersut.export.model_card import INTENDED_USE


def measured(processor: str = "Cortex-M4F", **changes: Any) -> dict[str, Any]:
    board = {"processor": processor, "compared": 4, "differing": 0, "flash": 524_288, "ram": 130_000, "stack": 1_072}
    board |= {"frame_instructions": 1_000_000, "window_instructions": 2_000_000}
    return {**board, "million_instructions_per_second": 16.0, **changes}


def arduino(**changes: Any) -> dict[str, Any]:
    """Of 64 MHz, 1 MB and 256 KB."""
    [found] = [fit for fit in fits([measured(**changes)]) if fit["chip"] == "nRF52840"]
    return found


def test_each_product_has_a_source_and_an_emulated_processor():
    for product in products():
        assert "https://" in product.source
        assert (product.counted_as or product.processor) in {board.processor for board in BOARDS}
    assert len({product.name for product in products()}) == len(products()) > 10


def test_fractions_and_load_are_those_of_the_product():
    found = arduino()
    assert (found["flash"], found["ram"], found["load"]) == (0.5, 0.5, [0.25, 0.5])


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "yes"),
        ({"million_instructions_per_second": 40.0}, "perhaps"),
        ({"million_instructions_per_second": 64.0}, "no: load"),
        ({"flash": 1_048_576}, "no: flash"),
        ({"ram": 262_143, "stack": 1, "million_instructions_per_second": 65.0}, "no: RAM, load"),
    ],
)
def test_a_product_fits_if_flash_ram_and_load_suffice(changes: dict[str, Any], verdict: str):
    assert arduino(**changes)["fits"] == verdict


def test_only_products_of_emulated_processors_are_estimated():
    found = fits([measured("RV32IMC")])
    assert [fit["chip"] for fit in found] == ["ESP32-C3"]
    assert fits([]) == []
    assert "ESP32-C3" in table(found)


def test_another_processor_is_marked_in_the_table():
    lines = table(fits([measured(), measured("RV32IMAFC")])).splitlines()
    [xtensa] = [line for line in lines if "ESP32-S3" in line]
    [arm] = [line for line in lines if "nRF52840" in line]
    assert "~7–13 %" in xtensa
    assert "25–50 %" in arm
    assert "~" not in arm


def test_code_and_constants_that_are_copied_take_ram():
    [teensy] = [fit for fit in fits([measured("Cortex-M7")]) if fit["chip"] == "i.MX RT1062"]
    assert teensy["ram"] == pytest.approx((524_288 + 130_000 + 1_072) / (512 * 1024), abs=5e-5)
    assert teensy["fits"] == "no: RAM"


def test_the_card_has_the_latest_measurements_once(tmp_path: Path):
    card = tmp_path / "model_card.md"
    card.write_text(f"# A model\n\n## Calibration\n\nGood.\n\n{INTENDED_USE}\n\nResearch.\n")
    for flash in (111_000, 222_000):
        boards = [measured(flash=flash)]
        update_card(card, {"boards": boards, "products": fits(boards)})
    text = card.read_text()
    assert text.count("## On microcontrollers") == 1
    assert "| Cortex-M4F | 4 of 4 | 222 KB | 130.0 KB | 1,072 B | 1.00 | 2.00 | 16 |" in text
    assert "111 KB" not in text
    assert text.startswith("# A model\n\n## Calibration\n\nGood.\n\n## On microcontrollers\n")
    assert text.endswith(f"\n\n{INTENDED_USE}\n\nResearch.\n")


def test_without_a_card_nothing_is_written(tmp_path: Path):
    update_card(tmp_path / "model_card.md", {"boards": [], "products": []})
    assert list(tmp_path.iterdir()) == []
