"""LiteRT.js, the LiteRT runtime for browsers: its files from npm, pinned, verified and cached."""

import base64
import os
import re
import tarfile
from collections.abc import Mapping
from pathlib import Path

import requests

from aersut.data.http_download import Downloader, FetchError, file_checksum
from aersut.errors import UserError
from aersut.paths import cache_dir, staging_folder

VERSION = "2.5.3"
INTEGRITY = {
    "core": "sha512-PlGmbMOq9WitX7FO0jhbdJw9GthatsyuCQXjTt/wJZo0FLaw48q4tz8IwqgqCIkviYGr9OFDL1kCnN4nzWoyJQ==",
    "wasm-utils": "sha512-4fJiw6tBQnIs+0jH/OQ16nYOiSl8/+zZnn5h2ul8aTKHi05sVqZW580Tmk78pC2kT39A9OYBVdFawteZ/sI1kQ==",
}
"""The packages of @litertjs, with the integrity hash of npm's registry."""
FILES = {
    "core.js": ("core", "dist/index.js"),
    "wasm-utils.js": ("wasm-utils", "dist/index.js"),
    # without threads, for browsers with relaxed SIMD and for those without (compat); LiteRT.js loads one of them
    **{
        f"wasm/{name}": ("core", f"wasm/{name}")
        for base in ("litert_wasm_internal", "litert_wasm_compat_internal")
        for name in (f"{base}.js", f"{base}.wasm")
    },
}
"""The files that a page needs: the package and the path in it."""
LARGEST = 64 << 20
"""Limit of a download in bytes."""
COMMAND = f"npm pack {' '.join(f'@litertjs/{name}@{VERSION}' for name in INTEGRITY)}"


def litertjs_files(folder: Path | None = None, attempts: int = 3) -> Mapping[str, bytes]:
    """The files of LiteRT.js that a page needs, by name.

    Args:
        folder: with the packages as `npm pack` stores them. None: the cache folder; packages that are missing there
            are downloaded from the registry $NPM_CONFIG_REGISTRY, by default npm's.
        attempts: number of connections after which a download fails.

    Raises:
        UserError: a package is missing in `folder`, cannot be downloaded, or has another checksum; the registry is not
            a URL; the cache folder cannot be used.
    """
    archives = {name: _own(folder, name) if folder else _cached(name, attempts) for name in INTEGRITY}
    contents = {}
    for target, (package, path) in FILES.items():
        with tarfile.open(archives[package]) as archive:
            member = archive.extractfile(f"package/{path}")
            assert member is not None  # the checksum is known
            contents[target] = member.read()
    return contents


def _own(folder: Path, name: str) -> Path:
    path = folder / _archive(name)
    if not path.is_file():
        raise UserError(f"--export.litertjs: {path} does not exist. Make it in that folder with: {COMMAND}")
    if (found := file_checksum(path, _checksum(name))) != _checksum(name):
        raise UserError(
            f"--export.litertjs: {path} has the checksum {found}, expected {_checksum(name)}. Replace it by that of "
            f"version {VERSION}: {COMMAND}"
        )
    return path


def _cached(name: str, attempts: int) -> Path:
    path = cache_dir() / "litertjs" / _archive(name)
    try:
        if not path.exists() or file_checksum(path, _checksum(name)) != _checksum(name):
            with staging_folder(path.parent, path.name) as staging:  # another process may download the same package
                _download(name, staging / path.name, attempts)
                (staging / path.name).replace(path)
    except OSError as error:
        problem = error.strerror or error
        raise UserError(
            f"the cache folder {path.parent} cannot be used: {problem}. Set AERSUT_CACHE to another folder."
        ) from None
    return path


def _download(name: str, path: Path, attempts: int) -> None:
    url = f"{_registry()}/@litertjs/{name}/-/{name}-{VERSION}.tgz"
    try:
        with requests.Session() as session:
            Downloader(session, attempts, kept=False).fetch(url, path, _checksum(name), LARGEST, quiet=True)
    except FetchError as error:
        raise UserError(
            f"the page for browsers needs LiteRT.js {VERSION} from {url}: {error} If that registry cannot be reached, "
            f"set NPM_CONFIG_REGISTRY to another one, or run '{COMMAND}' on a machine with access and pass the folder "
            "with both files as --export.litertjs=FOLDER."
        ) from None


def _registry() -> str:
    registry = os.environ.get("NPM_CONFIG_REGISTRY") or "https://registry.npmjs.org"
    if not re.match(r"https?://[^/]", registry):
        raise UserError(f"NPM_CONFIG_REGISTRY is {registry!r}, expected a URL such as 'https://registry.npmjs.org'.")
    return registry.rstrip("/")


def _archive(name: str) -> str:
    return f"litertjs-{name}-{VERSION}.tgz"


def _checksum(name: str) -> str:
    algorithm, _, digest = INTEGRITY[name].partition("-")
    return f"{algorithm}:{base64.b64decode(digest).hex()}"
