"""LiteRT.js comes from npm's registry or a folder, and only with the expected checksum."""

import functools
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from aersut.errors import UserError
from aersut.export.litertjs import INTEGRITY, VERSION, litertjs_files


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of a registry that NPM_CONFIG_REGISTRY names, with an empty cache."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Nothing is printed."""

    folder = tmp_path / "registry"
    for name in INTEGRITY:
        (folder / "@litertjs" / name / "-").mkdir(parents=True)
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))) as server:
        monkeypatch.setenv("NPM_CONFIG_REGISTRY", f"http://127.0.0.1:{server.server_port}/")
        monkeypatch.setenv("AERSUT_CACHE", str(tmp_path / "cache"))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield folder
        server.shutdown()
        thread.join()


def publish(registry: Path, name: str, source: Path | None = None) -> None:
    path = registry / "@litertjs" / name / "-" / f"{name}-{VERSION}.tgz"
    if source:
        shutil.copy(source, path)
    else:
        path.write_bytes(b"something else")


def test_it_is_downloaded_once_from_the_chosen_registry(registry: Path, litertjs: Path):
    for name in INTEGRITY:
        publish(registry, name, litertjs / f"litertjs-{name}-{VERSION}.tgz")
    first = litertjs_files(attempts=1)
    shutil.rmtree(registry / "@litertjs")
    assert litertjs_files(attempts=1) == first == litertjs_files(litertjs)
    assert b"createWasmLib" in first["wasm-utils.js"]
    assert {name for name in first if name.endswith(".wasm")} == {
        "wasm/litert_wasm_internal.wasm",
        "wasm/litert_wasm_compat_internal.wasm",
    }


def test_another_package_under_its_name_is_refused(registry: Path):
    publish(registry, "core")
    with pytest.raises(UserError, match=r"core-2\.5\.3\.tgz: its checksum is sha512:.*expected sha512:3e51a66c"):
        litertjs_files(attempts=1)


def test_a_registry_without_it_is_an_error_with_the_remedy(registry: Path):
    with pytest.raises(UserError, match=r"404.*set NPM_CONFIG_REGISTRY.*npm pack @litertjs/core@2\.5\.3 .*litertjs="):
        litertjs_files(attempts=1)


def test_a_registry_that_cannot_be_reached_is_an_error_with_the_remedy(registry: Path, monkeypatch):
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", "http://127.0.0.1:1")
    with pytest.raises(UserError, match=r"no connection to 127\.0\.0\.1:1 .*--export\.litertjs=FOLDER") as error:
        litertjs_files(attempts=1)
    assert "resume" not in str(error.value)  # a partial download is not kept


def test_exports_that_share_an_empty_cache_do_not_collide(registry: Path, litertjs: Path, tmp_path: Path):
    for name in INTEGRITY:
        publish(registry, name, litertjs / f"litertjs-{name}-{VERSION}.tgz")
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: litertjs_files(attempts=1), range(4)))
    assert found == [litertjs_files(litertjs)] * 4
    cached = {path.name for path in (tmp_path / "cache/litertjs").iterdir()}
    assert cached == {f"litertjs-{name}-{VERSION}.tgz" for name in INTEGRITY}


def test_a_damaged_file_in_the_cache_is_downloaded_again(registry: Path, litertjs: Path, tmp_path: Path):
    for name in INTEGRITY:
        publish(registry, name, litertjs / f"litertjs-{name}-{VERSION}.tgz")
    (tmp_path / "cache/litertjs").mkdir(parents=True)
    (tmp_path / f"cache/litertjs/litertjs-core-{VERSION}.tgz").write_bytes(b"half a file")
    assert litertjs_files(attempts=1) == litertjs_files(litertjs)


@pytest.mark.parametrize("address", ["localhost:4873", "registry.npmjs.org", "https://"])
def test_a_registry_that_is_not_a_url_is_named(registry: Path, monkeypatch: pytest.MonkeyPatch, address: str):
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", address)
    with pytest.raises(
        UserError, match=f"NPM_CONFIG_REGISTRY is '{address}', expected a URL such as 'https://registry"
    ):
        litertjs_files(attempts=1)


def test_a_cache_that_cannot_be_used_is_named(registry: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("AERSUT_CACHE", str(tmp_path / "file"))
    with pytest.raises(
        UserError, match=r"cache folder .*file/litertjs cannot be used: Not a directory\. Set AERSUT_CACHE"
    ):
        litertjs_files(attempts=1)


def test_a_folder_needs_both_packages_unchanged(tmp_path: Path):
    with pytest.raises(UserError, match=r"litertjs-core-2\.5\.3\.tgz does not exist.*npm pack"):
        litertjs_files(tmp_path)
    (tmp_path / f"litertjs-core-{VERSION}.tgz").write_bytes(b"")
    (tmp_path / f"litertjs-wasm-utils-{VERSION}.tgz").write_bytes(b"")
    with pytest.raises(UserError, match=r"--export\.litertjs: .*core.* has the checksum sha512:cf83e1.*npm pack"):
        litertjs_files(tmp_path)
