"""Check a built site: every link and anchor exists, nothing is loaded from another host, pictures have a text.

python docs/generate/check_site.py site
"""

import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = {"img": "src", "script": "src", "audio": "src", "source": "src", "iframe": "src", "link": "href"}
NOT_LOADED = {"canonical", "next", "prev", "alternate", "author", "license"}


class Page(HTMLParser):
    """The ids, links and files of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.files: list[str] = []
        self.without_text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.ids |= {value for key in ("id", "name") if (value := values.get(key))}
        if tag == "a" and (link := values.get("href")):
            self.links.append(link)
        named = values.get("rel") in NOT_LOADED
        if (key := LOADED.get(tag)) and (file := values.get(key)) and not named:
            self.files.append(file)
        if tag == "img" and values.get("alt") is None:
            self.without_text.append(values.get("src") or "")
        if tag == "svg" and values.get("role") == "img" and not values.get("aria-label"):
            self.without_text.append("svg")


def problems(site: Path) -> list[str]:
    """A line for each problem of the site in this folder."""
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}
    return [f"{path.relative_to(site)}: {what}" for path in pages for what in _of(path, pages, site)]


def _of(path: Path, pages: dict[Path, Page], site: Path) -> Iterator[str]:
    page = pages[path]
    for picture in page.without_text:
        yield f"picture {picture} has no text"
    for file in page.files:
        if urlsplit(file).netloc:
            yield f"{file} is loaded from another host"
    for link in {*page.links, *page.files}:
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            continue
        target = _target(path, unquote(parts.path), site)
        if not target.is_file():
            yield f"link {link} leads to no file"
        elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].ids:
            yield f"link {link} leads to no heading"


def _target(path: Path, link: str, site: Path) -> Path:
    """The file that a link on the page `path` leads to."""
    if not link:
        return path
    found = (site / link.lstrip("/") if link.startswith("/") else path.parent / link).resolve()
    return found / "index.html" if found.is_dir() else found


if __name__ == "__main__":
    lines = problems(Path(sys.argv[1]).resolve())
    print(*lines, sep="\n" if lines else "")
    sys.exit(1 if lines else 0)
