"""Fetch a file over HTTP and verify it, however often the connection breaks.

pooch (1.9) was weighed first. It verifies a checksum and renames, but does not resume: a broken download is deleted
and its retries begin anew. Given a downloader of our own for that, what is left of it is a comparison of two hashes and
a rename, with a log line for each of a corpus's 7,442 files and a temporary file that only its owner may read. So this
is requests, which pooch stands on too, with tqdm and `hashlib.file_digest`.
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

from aersut.data.archives import megabytes, need_space, size
from aersut.errors import UserError

AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})  # statuses of a server that may answer otherwise in a moment
LONGEST_PAUSE = 120.0
BLOCK = 1 << 13  # what is lost of a file when its connection breaks: requests hands on whole blocks only


class FetchError(UserError):
    """A server that cannot be reached or breaks off: what else the user can do is the caller's to add."""


class RefusedError(FetchError):
    """A server that answers, but does not give the file."""


class _Broken(Exception):  # noqa: N818  (an event: the transfer goes on after it)
    def __init__(self, problem: str, pause: float = 0.0) -> None:
        super().__init__(problem)
        self.pause = pause


@dataclass(frozen=True)
class Web:
    """How files are fetched; several threads may use one.

    Attributes:
        session: of requests, with the headers that every request carries.
        attempts: how often in a row a connection may break before a byte has come that was not there before.
        pause: seconds before the second attempt, doubled for every further one. A server's Retry-After counts where
            it is longer, up to two minutes.
        stop: set from outside, ends all waiting.
    """

    session: requests.Session
    attempts: int = 5
    pause: float = 1.0
    stop: threading.Event = field(default_factory=threading.Event)

    def fetch(self, url: str, path: Path, checksum: str | None, limit: int, quiet: bool = False) -> None:
        """Fetch `url` into `path` unless it is there and right; what arrives stays in `<path>.part` until verified.

        A `.part` that an earlier call left behind is continued with HTTP Range, where a checksum can vouch for the
        result: two halves of different files would otherwise make one. A server that ignores Range starts over.

        Args:
            checksum: `md5:…`, `sha256:…`, or None where the publisher gives none.
            limit: the size in bytes beyond which nothing is accepted.
            quiet: without progress bar and notices.

        Raises:
            FetchError: no connection, a connection that broke `attempts` times in a row, or a refusal.
            UserError: a wrong checksum, a file beyond `limit`, or a full disk.
        """
        part = path.with_name(f"{path.name}.part")
        if path.exists():
            if checksum is None or digest(path, checksum) == checksum:
                return
            path.unlink()
        if checksum is None:
            part.unlink(missing_ok=True)
        earlier = best = size(part)
        failures = 0
        with tqdm(
            desc=path.name, unit="B", unit_scale=True, dynamic_ncols=True, disable=quiet or not sys.stderr.isatty()
        ) as bar:
            while True:
                try:
                    self._receive(url, part, limit, bar)
                    break
                except _Broken as broken:
                    if checksum is None:
                        part.unlink(missing_ok=True)
                    failures = 1 if size(part) > best else failures + 1
                    best = max(best, size(part))
                    if failures >= self.attempts or self.stop.is_set():
                        kept = f"; {megabytes(size(part))} of it are kept in {part}" if size(part) else ""
                        raise FetchError(
                            f"{path.name}: {broken}, {failures} times in a row{kept}. Run the same command again when "
                            "the connection is better: it goes on from what is there."
                        ) from broken
                    pause = max(min(broken.pause, LONGEST_PAUSE), self.pause * 2 ** (failures - 1))
                    if not quiet:
                        tqdm.write(f"{path.name}: {broken}; trying again in {pause:.0f} s", file=sys.stderr)
                    self.stop.wait(pause)
        if checksum is not None and (found := digest(part, checksum)) != checksum:
            part.unlink()
            stale = (
                f" Its first {megabytes(earlier)} were left by an earlier, broken download: the server's file may have "
                "changed since."
                if earlier
                else ""
            )
            raise UserError(
                f"{path.name}: its checksum is {found}, expected {checksum}. The file was deleted and nothing was "
                f"unpacked.{stale} Run the same command again to fetch all of it anew; if that ends here too, "
                f"{host(url)} serves another file than the one that was published, or something between changes it."
            )
        part.replace(path)

    def _receive(self, url: str, part: Path, limit: int, bar: "tqdm[None]") -> None:
        there = size(part)
        try:
            answer = self.session.get(
                url, headers={"Range": f"bytes={there}-"} if there else {}, stream=True, timeout=(10, 60)
            )
        except requests.RequestException as error:
            raise _Broken(f"no connection to {host(url)} ({_reason(error)})") from error
        with answer:
            start, total = _extent(answer)
            if there and answer.status_code == 416 and total == there:
                return  # everything had arrived, and only the checksum was left to do
            if there and (answer.status_code == 416 or start not in (0, there)):
                part.unlink()
                return self._receive(url, part, limit, bar)
            _check_status(answer, url)
            if total is not None and total > limit:
                raise UserError(_too_large(url, total, limit))
            need_space(part.parent, (total or 0) - start)
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
                            raise _Broken("stopped")
            except requests.RequestException as error:
                of = f" of {megabytes(total)}" if total is not None else ""
                raise _Broken(f"{host(url)} broke the connection at {megabytes(have)}{of}") from error


def _extent(answer: requests.Response) -> tuple[int, int | None]:
    """Where the body that the server sends starts in the file, and the size of the whole file where it is told."""
    if match := re.fullmatch(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)", answer.headers.get("Content-Range", "")):
        start, total = match.groups()
        return int(start or 0), None if total == "*" else int(total)
    length = answer.headers.get("Content-Length", "")
    return 0, int(length) if length.isdecimal() else None


def _check_status(answer: requests.Response, url: str) -> None:
    if answer.status_code < 400:
        return
    problem = f"{host(url)} answered {answer.status_code} {answer.reason}"
    if answer.status_code in AGAIN:
        pause = answer.headers.get("Retry-After", "")
        raise _Broken(problem, float(pause) if pause.isdecimal() else 0.0)
    said = ""
    if answer.headers.get("Content-Type", "").startswith(("text/plain", "application/json")):
        said = answer.raw.read(200, decode_content=True).decode("utf-8", "replace").strip()
    raise RefusedError(f"{problem} for {url}{f' ({said})' if said else ''}: the file is not to be had there now.")


def _reason(error: Exception) -> str:
    text = str(error)
    match = re.search(r"\[Errno -?\d+\] ([^'\")]+)", text)
    return match.group(1) if match else type(error).__name__


def _too_large(url: str, found: int, limit: int) -> str:
    return (
        f"{url}: {megabytes(found)} and maybe more, expected {megabytes(limit)} at most. Nothing was unpacked; "
        "that is not the published file."
    )


def digest(path: Path, like: str) -> str:
    """The checksum of a file as `algorithm:hexadecimal`, by the algorithm of the checksum `like`."""
    algorithm = like.partition(":")[0]
    with path.open("rb") as file:
        found = hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False))
    return f"{algorithm}:{found.hexdigest()}"


def host(url: str) -> str:
    """The host that a URL names."""
    return urlsplit(url).netloc
