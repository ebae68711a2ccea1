"""Numbers on HTML pages."""

import pytest

from aersut.report.page import format_number


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [(1605, ",", "1,605"), (0, ",", "0"), (-0.0001, ".3f", "0.000"), (1, ".3f", "1.000"), (None, ",", "–")],
)
def test_counts_and_metrics_are_printed_without_negative_zero(value, form, text):
    assert format_number(value, form) == text
