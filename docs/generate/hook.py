"""mkdocs: adds the generated pages to the site, and checks the finished one."""

import re
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from check_site import problems
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from plugin_pages import plugin_pages
from reference_pages import command_line, configuration, python_pages

ROOT = Path(__file__).parents[2]
PROJECT = {
    "changelog.md": "CHANGELOG.md",
    "contributing.md": "CONTRIBUTING.md",
    "release.md": "RELEASE.md",
    "code_of_conduct.md": "CODE_OF_CONDUCT.md",
}
_generated: dict[str, str | bytes] = {}
_pictures: dict[str, str] = {}


def on_config(config: Any) -> Any:
    """Generate the pages, and put them into the navigation."""
    plugins, python = plugin_pages(), python_pages()
    _pictures.update(plugins.pictures)
    _generated.update({f"reference/plugins/{path}": content for path, content in plugins.files.items()})
    _generated.update({f"reference/python/{path}": content for path, content in python.items()})
    _generated["reference/cli.md"] = command_line()
    _generated["reference/configuration.md"] = configuration()
    for page, file in PROJECT.items():
        if (ROOT / file).exists():
            _generated[f"project/{page}"] = _moved((ROOT / file).read_text(encoding="utf-8"))
    notebooks = sorted((ROOT / "docs" / "tutorials").glob("*.ipynb"))
    sections = {
        "Tutorials": [f"tutorials/{one.name}" for one in notebooks],
        "Plugins": _below("reference/plugins", plugins.nav),
        "Python API": [f"reference/python/{path}" for path in python],
        "Project": [
            "design.md",
            "reference/long_commands.md",
            *(path for path in _generated if path.startswith("project/")),
        ],
    }
    config.nav = [one for one in (_filled(entry, sections) for entry in config.nav) if one]
    return config


def _moved(text: str) -> str:
    """A page of the repository's root with links for the folder project/ of the site."""
    for page, file in PROJECT.items():
        text = text.replace(f"]({file})", f"]({page})")
    return text.replace("](docs/", "](../")


def _filled(entry: Any, sections: dict[str, list[Any]]) -> Any:
    """A navigation entry in which the empty sections have their generated pages; None for a section without any."""
    if not isinstance(entry, dict):
        return entry
    [(title, content)] = entry.items()
    if content == []:
        return {title: sections[title]} if sections[title] else None
    if isinstance(content, list):
        return {title: [filled for one in content if (filled := _filled(one, sections))]}
    return entry


def _below(folder: str, nav: Any) -> Any:
    if isinstance(nav, str):
        return f"{folder}/{nav}"
    if isinstance(nav, list):
        return [_below(folder, one) for one in nav]
    return {title: _below(folder, content) for title, content in nav.items()}


def on_files(files: Files, config: Any) -> Files:
    """Add the generated pages and sounds."""
    for path, content in _generated.items():
        files.append(File.generated(config, path, content=content))
    return files


def on_page_content(html: str, page: Any, config: Any, files: Files) -> str:
    """Insert the pictures, and let the links of a notebook lead to pages of the site."""
    if page.file.src_uri.endswith(".ipynb"):
        html = re.sub(r'href="([^":]+)\.md((?:#[^"]*)?)"', r'href="\1.html\2"', html)
    if "data-picture" in html:
        for key, svg in _pictures.items():
            html = html.replace(f'<div data-picture="{key}"></div>', svg)
    return html


def on_post_build(config: Any) -> None:
    """Refuse a site with a broken link, a file from another host, or a picture without a text."""
    if found := problems(Path(config.site_dir)):
        raise PluginError("\n".join(found))
