"""Result files of an earlier version are read with the keys of today, and all sections of the report show them."""

import json
import shutil
from pathlib import Path

import pytest

from aersut.evaluation.result_files import RENAMED, read_export, read_metrics
from aersut.evaluation.result_table import result_table
from aersut.paths import read_json
from aersut.report.run_report import write_report
from aersut.run_folder import open_run

EARLIER = Path(__file__).parents[1] / "earlier" / "run"


def keys(tree):
    """All keys of a JSON tree."""
    if isinstance(tree, dict):
        return tree.keys() | {key for value in tree.values() for key in keys(value)}
    return {key for value in tree for key in keys(value)} if isinstance(tree, list) else set()


@pytest.mark.parametrize("name", ["metrics", "importance"])
def test_earlier_keys_are_translated_and_values_are_kept(name):
    path = EARLIER / "evaluation" / f"{name}.json"
    earlier, today = read_json(path), read_metrics(path)
    assert keys(earlier) & RENAMED.keys()
    assert not keys(today) & RENAMED.keys()
    assert [json.dumps(value) for value in flat(earlier)] == [json.dumps(value) for value in flat(today)]


def flat(tree):
    """All leaves of a JSON tree, in order."""
    if isinstance(tree, dict | list):
        return [leaf for value in (tree.values() if isinstance(tree, dict) else tree) for leaf in flat(value)]
    return [tree]


def test_agreement_and_latency_of_an_earlier_export_are_read():
    found = read_export(open_run(EARLIER))
    assert found["files"]["model_int8.tflite"]["agreement"] == 1.0
    assert found["ethos"]["ethos-u55-128"]["latency_ms"] == 0.007722
    assert not keys(found) & {"same", "ms"}


def test_todays_files_and_names_of_groups_are_unchanged(finished, tmp_path):
    assert read_metrics(finished.evaluation) == json.loads(finished.evaluation.read_text())
    groups = {"epoch": 1, "groups": {"intensity": {"missing": {"uar": 0.5}, "emotion": {"uar": 0.5}}}}
    (tmp_path / "metrics.json").write_text(json.dumps(groups))
    assert read_metrics(tmp_path / "metrics.json") == groups


@pytest.mark.parametrize("text", ["", '{"uar":', "[1]"])
def test_a_damaged_file_has_no_result(tmp_path, text):
    (tmp_path / "metrics.json").write_text(text)
    assert read_metrics(tmp_path / "metrics.json") is None
    assert read_metrics(tmp_path / "missing.json") is None


def test_an_earlier_evaluation_fills_the_report_and_the_table(tmp_path):
    shutil.copytree(EARLIER, tmp_path / "run")
    run = open_run(tmp_path / "run")
    write_report(run)
    text = run.report.read_text()
    for shown in (
        *("By sex", "By speaker", "<td>manifest:7</td><td>0.500</td>"),  # results by group
        '<td>angry</td><td class="left">sad</td><td>0.464</td><td>0.384</td>',  # a misclassification
        "<th>sad</th><td>2</td><td>2</td><td>0</td>",  # a row of the confusion matrix
        "Computed on 12 clips",  # feature importance
    ):
        assert shown in text, shown
    assert "sex: female 0.500, male 0.500" in result_table(read_metrics(run.evaluation))
