"""HTTP downloads that resume after a broken connection and are verified by checksum.

pooch (1.9) was considered. It verifies and renames, but does not resume: it deletes a partial download and starts each
retry at the first byte. So this module uses requests, as pooch does, with tqdm and `hashlib.file_digest`.
"""

import hashlib
import re
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import requests
from tqdm import tqdm

from aersut.data.archives import file_size, require_space
from aersut.errors import UserError
from aersut.progress import bars_are_shown
from aersut.texts import megabytes

RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})  # HTTP statuses after which the request is repeated
MAX_PAUSE = 120.0  # seconds; limit of a server's Retry-After
BLOCK = 1 << 13  # bytes; requests returns whole blocks, so up to one block is lost when a connection breaks


class FetchError(UserError):
    """A server that cannot be reached or breaks the connection; the caller adds how to get the file otherwise."""


class RefusedError(FetchError):
    """A server that answers with an error status."""


class _Interrupted(Exception):  # noqa: N818  (not an error: the transfer is resumed)
    def __init__(self, problem: str, pause: float = 0.0) -> None:
        super().__init__(problem)
        self.pause = pause


@dataclass(frozen=True)
class Downloader:
    """HTTP client that resumes and verifies downloads; threads may share an instance.

    Attributes:
        session: a session of requests, with the headers of every request.
        attempts: number of consecutive broken connections without a new byte after which a download fails.
        pause: seconds before the second attempt, doubled for every further one. A server's longer Retry-After is
            respected, up to two minutes.
        stop: an event that ends all waiting.
        kept: whether the caller keeps the folder of a failed download, so that the next call resumes.
    """

    session: requests.Session
    attempts: int = 5
    pause: float = 1.0
    stop: threading.Event = field(default_factory=threading.Event)
    kept: bool = True

    def fetch(self, url: str, path: Path, checksum: str | None, limit: int, quiet: bool = False) -> None:
        """Download `url` to `path` unless a valid file exists; the data is in `<path>.part` until it is verified.

        A `.part` of an earlier call is resumed with HTTP Range if there is a checksum. Without one, halves of two
        different files could be joined unnoticed. If the server ignores Range, the download starts at the first byte.

        Args:
            checksum: `md5:…`, `sha256:…`, or None if the publisher states none.
            limit: the largest accepted size in bytes.
            quiet: without progress bar and notices.

        Raises:
            FetchError: no connection, `attempts` broken connections in a row, or an error status.
            UserError: a wrong checksum, a file larger than `limit`, or a full disk.
        """
        part = path.with_name(f"{path.name}.part")
        if path.exists():
            if checksum is None or file_checksum(path, checksum) == checksum:
                return
            path.unlink()
        if checksum is None:
            part.unlink(missing_ok=True)
        earlier = best = file_size(part)
        failures = 0
        with progress_bar(path.name, quiet=quiet) as bar:
            while True:
                try:
                    self._receive(url, part, limit, bar)
                    break
                except _Interrupted as interrupted:
                    if checksum is None:
                        part.unlink(missing_ok=True)
                    failures = 1 if file_size(part) > best else failures + 1
                    best = max(best, file_size(part))
                    if failures >= self.attempts or self.stop.is_set():
                        size = file_size(part) if self.kept else 0
                        kept = f"; {megabytes(size)} are kept in {part}" if size else ""
                        resume = " Run the same command again to resume the download." if self.kept else ""
                        raise FetchError(
                            f"{path.name}: {interrupted}, {failures} times in a row{kept}.{resume}"
                        ) from interrupted
                    pause = max(min(interrupted.pause, MAX_PAUSE), self.pause * 2 ** (failures - 1))
                    if not quiet:
                        tqdm.write(f"{path.name}: {interrupted}; next attempt in {pause:.0f} s", file=sys.stderr)
                    self.stop.wait(pause)
        if checksum is not None and (found := file_checksum(part, checksum)) != checksum:
            part.unlink()
            stale = (
                f" Its first {megabytes(earlier)} came from an earlier, partial download: the file on the server may "
                "have changed since then."
                if earlier
                else ""
            )
            raise UserError(
                f"{path.name}: its checksum is {found}, expected {checksum}. The file was deleted and nothing was "
                f"unpacked.{stale} Run the same command again to download it. If the checksum is wrong again, "
                f"{host(url)} serves a file that is not the published one, or a proxy changes it."
            )
        part.replace(path)

    def _receive(self, url: str, part: Path, limit: int, bar: "tqdm[None]") -> None:
        have = file_size(part)
        headers = {"Range": f"bytes={have}-"} if have else {}
        try:
            answer = self.session.get(url, headers=headers, stream=True, timeout=(10, 60))
        except requests.RequestException as error:
            raise _Interrupted(f"no connection to {host(url)} ({_reason(error)})") from error
        with answer:
            start, total = _extent(answer)
            if have and answer.status_code == 416 and total == have:
                return  # the partial file is complete, and only its checksum remains to be verified
            if have and (answer.status_code == 416 or start not in (0, have)):
                part.unlink()
                return self._receive(url, part, limit, bar)
            _check_status(answer, url)
            if total is not None and total > limit:
                raise UserError(_too_large(url, total, limit))
            require_space(part.parent, (total or 0) - start)
            bar.total, bar.n = total, start
            have = start
            try:
                with part.open("ab" if start else "wb") as file:
                    for chunk in answer.iter_content(BLOCK):
                        have += len(chunk)
                        if have > limit:
                            part.unlink()
                            raise UserError(_too_large(url, have, limit))
                        file.write(chunk)
                        bar.update(len(chunk))
                        if self.stop.is_set():
                            raise _Interrupted("stopped")
            except requests.RequestException as error:
                of = f" of {megabytes(total)}" if total is not None else ""
                raise _Interrupted(f"{host(url)} broke the connection at {megabytes(have)}{of}") from error


def _extent(answer: requests.Response) -> tuple[int, int | None]:
    """Offset in the file at which the body of an answer starts, and the size of the file if the headers state it."""
    if match := re.fullmatch(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)", answer.headers.get("Content-Range", "")):
        start, total = match.groups()
        return int(start or 0), None if total == "*" else int(total)
    length = answer.headers.get("Content-Length", "")
    return 0, int(length) if length.isdecimal() else None


def _check_status(answer: requests.Response, url: str) -> None:
    if answer.status_code < 400:
        return
    problem = f"{host(url)} answered {answer.status_code} {answer.reason}"
    if answer.status_code in RETRIED:
        pause = answer.headers.get("Retry-After", "")
        raise _Interrupted(problem, float(pause) if pause.isdecimal() else 0.0)
    text = ""
    if answer.headers.get("Content-Type", "").startswith(("text/plain", "application/json")):
        text = answer.raw.read(200, decode_content=True).decode("utf-8", "replace").strip()
    raise RefusedError(f"{problem} for {url}{f' ({text})' if text else ''}: the file is not available there now.")


def _reason(error: Exception) -> str:
    text = str(error)
    match = re.search(r"\[Errno -?\d+\] ([^'\")]+)", text)
    return match.group(1) if match else type(error).__name__


def _too_large(url: str, found: int, limit: int) -> str:
    return (
        f"{url}: {megabytes(found)} or more, expected {megabytes(limit)} at most. Nothing was unpacked; "
        "this is not the published file."
    )


def file_checksum(path: Path, like: str) -> str:
    """The checksum of a file as `algorithm:hexadecimal`, by the algorithm of the checksum `like`."""
    algorithm = like.partition(":")[0]
    with path.open("rb") as file:
        found = hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False))
    return f"{algorithm}:{found.hexdigest()}"


def progress_bar(name: str, total: int | None = None, quiet: bool = False) -> "tqdm[None]":
    """A progress bar in bytes on standard error, if that is a terminal."""
    shown = not quiet and bars_are_shown()
    return tqdm(desc=name, total=total, unit="B", unit_scale=True, dynamic_ncols=True, disable=not shown)


def host(url: str) -> str:
    """The host of a URL."""
    return urlsplit(url).netloc
