"""The check of the built site finds each fault."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
spec = importlib.util.spec_from_file_location("check_site", ROOT / "docs" / "generate" / "check_site.py")
assert spec
assert spec.loader
check_site = importlib.util.module_from_spec(spec)
spec.loader.exec_module(check_site)


@pytest.fixture
def site(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "other.html").write_text('<h1 id="a-title">A title</h1><a href="..">up</a>')
    (tmp_path / "picture.png").write_bytes(b"")
    (tmp_path / "index.html").write_text("")
    return tmp_path


@pytest.mark.parametrize(
    "html",
    [
        '<a href="folder/other.html">x</a>',
        '<a href="folder/other.html#a-title">x</a>',
        '<a href="https://example.org/any#where">x</a>',
        '<img src="picture.png" alt="a plot">',
        '<link rel="canonical" href="https://example.org/">',
        '<svg role="img" aria-label="a plot"></svg>',
    ],
)
def test_a_site_without_faults(site, html):
    (site / "index.html").write_text(html)
    assert check_site.problems(site) == []


@pytest.mark.parametrize(
    ("html", "problem"),
    [
        ('<a href="folder/another.html">x</a>', "link folder/another.html leads to no file"),
        ('<a href="folder/other.html#another">x</a>', "link folder/other.html#another leads to no heading"),
        ('<img src="picture.png">', "picture picture.png has no text"),
        ('<img src="absent.png" alt="a plot">', "link absent.png leads to no file"),
        ('<script src="https://example.org/x.js"></script>', "https://example.org/x.js is loaded from another host"),
        ('<svg role="img"></svg>', "picture svg has no text"),
    ],
)
def test_a_fault_is_named_with_its_page(site, html, problem):
    (site / "index.html").write_text(html)
    assert check_site.problems(site) == [f"index.html: {problem}"]
