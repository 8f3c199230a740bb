"""What is fuzzed: functions of bytes that raise only where the library is wrong.

Each reads bytes as the library does where they come from outside. A refusal by an error of the library is right; what
is accepted is compared with what another reader makes of it. ``fuzz.py`` has atheris make the bytes;
``test_targets.py`` replays the seeds, and the bytes that once went wrong.
"""

from __future__ import annotations

import _compat_pickle
import contextlib
import gzip
import io
import json
import pickle
import tarfile
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import h11
import numpy as np
import pandas as pd
import yaml

from wml_deployer._transport.connection import Address, Connection
from wml_deployer._yaml import parse
from wml_deployer.credentials import load_credentials
from wml_deployer.errors import ConfigurationError, InvalidResponseError, MetadataError, PackagingError, TransportError
from wml_deployer.metadata import Metadata
from wml_deployer.metadata._document import IDS, edit, editing_faults, read_values
from wml_deployer.metadata._lock_file import dump_states, parse_states
from wml_deployer.packaging._archive import check_archive
from wml_deployer.packaging._pickles import scan_pickles
from wml_deployer.payload import decode, to_frame
from wml_deployer.payload._fast_answer import fast_frame
from wml_deployer.server.runtimes.archive import Bounds, unpack, unpack_zip
from wml_deployer.server.runtimes.errors import LoadError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

__all__ = ["SEEDS", "TARGETS"]

_ANSWER = b'{"predictions":[{"fields":["prediction"%b],"values":[%b]}]}'
_PAIR = b',"probability"'
_LIMIT = 1 << 20


def answers(data: bytes) -> None:
    """Decode a scoring answer: the fast reader gives what json and the slow one give, or leaves it to them.

    The first byte says whether the rest is the whole answer, or the rows of a usual one.
    """
    kind, rest = data[:1], data[1:]
    body = rest if kind == b"w" else _ANSWER % (_PAIR if kind == b"p" else b"", rest)
    fast = fast_frame(body, ("no", "yes"), None)
    with contextlib.suppress(InvalidResponseError):
        decode(body, classes=("no", "yes"))
    if fast is not None:
        document = json.loads(body, parse_constant=_refuse)
        pd.testing.assert_frame_equal(to_frame(document, classes=("no", "yes")), fast, check_exact=True)


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


@lru_cache
def _folder() -> Path:
    # In memory where that can be had: a million files would wear a disk out.
    memory = Path("/dev/shm")
    return Path(tempfile.mkdtemp(prefix="fuzz-", dir=memory if memory.is_dir() else None))


def archives(data: bytes) -> None:
    """Check an archive, and unpack it as the service does.

    The first byte says whether the rest is the file, or a tar that is still to be compressed. Checksums of its headers
    are put right, which no fuzzer could guess.
    """
    path, rest = _folder() / "model.tar.gz", data[1:]
    path.write_bytes(rest if data[:1] == b"w" else gzip.compress(_with_checksums(rest), 1, mtime=0))
    try:
        check_archive(path)
        is_accepted = True
    except PackagingError:
        is_accepted = False
    for unpacker in (unpack, unpack_zip):
        with tempfile.TemporaryDirectory(dir=_folder()) as scratch:
            folder = Path(scratch) / "inside"
            folder.mkdir()
            with contextlib.suppress(LoadError):
                unpacker(path, folder, Bounds(_LIMIT, 100))
            assert [folder] == list(Path(scratch).iterdir())
            assert not any(file.is_symlink() for file in folder.rglob("*"))
    if is_accepted:
        with tempfile.TemporaryDirectory(dir=_folder()) as scratch, tarfile.open(path) as archive:
            # What is accepted can be unpacked, and stays inside: the filter refuses what does not.
            archive.extractall(scratch, filter="data")


def _with_checksums(tar: bytes) -> bytes:
    blocks = [tar[start : start + 512] for start in range(0, len(tar), 512)]
    return b"".join(
        _with_checksum(block) if block[257:262] == b"ustar" and len(block) == 512 else block for block in blocks
    )


def _with_checksum(block: bytes) -> bytes:
    total = sum(block[:148]) + 8 * ord(" ") + sum(block[156:])
    return block[:148] + b"%06o\0 " % total + block[156:]


class _Recorder(pickle._Unpickler):  # the one in C believes in any size of its memory
    """Loads a pickle whose every class and function is one that does nothing; notes their names."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file)
        self.found: set[tuple[str, str]] = set()
        self.proto = 0

    def find_class(self, module: str, name: str) -> type:
        if self.proto < 3:
            module, name = _compat_pickle.NAME_MAPPING.get(
                (module, name), (_compat_pickle.IMPORT_MAPPING.get(module, module), name)
            )
        self.found.add((module, name))
        return _Anything


class _Anything:
    def __new__(cls, *_: object, **__: object) -> _Anything:  # noqa: PYI034 - a subclass is never made
        return object.__new__(_Anything)

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def append(self, _: object) -> None:
        pass

    def __setitem__(self, _: object, __: object) -> None:
        pass

    def __setstate__(self, _: object) -> None:
        pass


def pickles(data: bytes) -> None:
    """Scan a pickle: whatever loading it would import is found, or it is refused."""
    path = _folder() / "model.pkl"
    path.write_bytes(data)
    try:
        scan = scan_pickles(path)
    except PackagingError:
        return
    if data[:1] in {b"\x1f", b"B", b"\xfd", b"\x5d", b"x"}:
        # joblib's compressions: unpacked as the scan did it.
        return
    unpickler = _Recorder(io.BytesIO(data))
    # Whatever fails, what was imported until then was.
    with contextlib.suppress(Exception):
        unpickler.load()
    assert unpickler.found <= scan.globals, unpickler.found - scan.globals


def credentials(data: bytes) -> None:
    """Read credentials.yaml."""
    path = _folder() / "credentials.yaml"
    path.touch(0o600)
    path.write_bytes(data)
    with contextlib.suppress(ConfigurationError):
        load_credentials(path, environment={})


def metadata(data: bytes) -> None:
    """Read metadata.yaml, and edit it: other keys keep the values that PyYAML reads."""
    try:
        document = parse(data, name="metadata.yaml", error=MetadataError)
        if list(editing_faults(document)):
            return
        found, _ = read_values(document)
        with contextlib.suppress(MetadataError):
            Metadata(**found)
        edited = edit(document, dict.fromkeys(IDS, "00000000-0000-0000-0000-000000000000"))
    except MetadataError:
        return
    before, after = (_others(each) for each in (data, edited))
    assert before is None or repr(before) == repr(after)


def _others(data: bytes) -> dict[Any, Any] | None:
    try:
        document = yaml.load(data, yaml.CSafeLoader)
    except (yaml.YAMLError, ValueError, TypeError, OverflowError):
        return None
    return {key: value for key, value in document.items() if key not in IDS}


def lock_files(data: bytes) -> None:
    """Read metadata.lock: what is accepted is written so that it is read as the same."""
    try:
        states = parse_states(data, "metadata.lock")
    except MetadataError:
        return
    ordered = sorted(states, key=lambda state: (state.service, state.space))
    assert ordered == list(parse_states(dump_states(states), "metadata.lock"))


class _Socket:
    """A socket whose other end has said everything already, and hung up."""

    def __init__(self, received: bytes) -> None:
        self._received = received

    def makefile(self, _: str) -> IO[bytes]:
        return io.BytesIO(self._received)

    def settimeout(self, _: float | None) -> None:
        pass

    def send(self, data: memoryview) -> int:
        return len(data)

    def close(self) -> None:
        pass


def responses(data: bytes) -> None:
    """Read an HTTP response: one that h11 accepts, too, is the same to it."""
    connection = Connection(cast("ssl.SSLSocket", _Socket(data)), Address("localhost", 443))
    try:
        head = connection.request("GET", "/", {}, None, None, None)
        body = b"".join(connection.body(_LIMIT))
    except (OSError, InvalidResponseError, TransportError):
        return
    finally:
        connection.close()
    assert len(body) <= _LIMIT
    if not {"content-encoding"} & head.headers.keys():
        with contextlib.suppress(h11.RemoteProtocolError):
            assert (head.status, body) == _read_by_h11(data)


def _read_by_h11(data: bytes) -> tuple[int, bytes]:
    other = h11.Connection(h11.CLIENT)
    other.send(h11.Request(method="GET", target="/", headers=[("Host", "localhost")]))
    other.send(h11.EndOfMessage())
    other.receive_data(data)
    other.receive_data(b"")
    status, body = 0, b""
    while not isinstance(event := other.next_event(), h11.EndOfMessage):
        if isinstance(event, h11.Response):
            status = event.status_code
        elif isinstance(event, h11.Data):
            body += event.data
        else:
            assert isinstance(event, h11.InformationalResponse)
    return status, body


def _tar(**files: bytes) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "model"
        archive.addfile(link)
    return written.getvalue()[:4096]


def _pickled(protocol: int) -> bytes:
    return pickle.dumps({"a": (1, 2.5, [None, "text"]), "b": {Path("x"), 3}, "c": np.float64(1)}, protocol)


_LOCK = b"""format: 1
schemas:
  8c1f03d2: {fields: [[age, int64], [sex, category]], classes: [died, 1, true]}
spaces:
- service: https://eu-de.ml.cloud.ibm.com
  space: 3fa2b1c4
  model_id: 9d0e5b1c
  deployment_id: 77aa0c3e
  versions:
  - {name: v0.1, model_id: 9d0e5b1c, revision: '1', digest: sha256, schema: 8c1f03d2, stored_at: 2026-01-31T12:00:00Z}
  log:
  - {when: 2026-01-31T12:00:00Z, action: deploy, to_version: v0.1}
"""

TARGETS: dict[str, Callable[[bytes], None]] = {
    each.__name__: each for each in (responses, pickles, lock_files, metadata, credentials, answers, archives)
}
"""Each by its name, the fastest first."""

SEEDS: dict[str, list[bytes]] = {
    "answers": [
        b"p[1,[0.25,0.75]],[0,[0.5,0.5]]",
        b"p[1.5,[0.25,7.5e-1]],[-0.0,[0.5,0.5]]",
        b'p["yes",[0.25,0.75]],["n\\u006f",[0,1]]',
        b"n[1.5],[2.5],[null]",
        b"n[12345678901234567890],[1e400]",
        b'w{"predictions":[{"fields":["prediction"],"values":[[1.0],[2.0]]}]}',
        b'w{"predictions":[{"values":[[1,[0.5,0.5]]],"fields":["prediction","probability"]}]}',
        b'w{"predictions":[{"id":"a","values":[{"x":NaN}]},{"id":"b","values":[true]}]}',
    ],
    "responses": [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=1\r\nhello\r\n0\r\nTrailer: 1\r\n\r\n",
        b"HTTP/1.0 404 Not Found\r\nConnection: keep-alive\r\nRetry-After: 2\r\n\r\nto the end",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 25\r\n\r\n" + gzip.compress(b"hello", mtime=0),
    ],
    "pickles": [
        *map(_pickled, range(6)),
        b"cos\nsystem\n(S'ls'\ntR.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x02ls\x85R.",
    ],
    "metadata": [
        b"project_name: churn  # renamed\nproject_version: 0.10\nmodel_uid: 'x'\nowner: [ana, {b: 2026-01-31}]\n",
        b"a: &x |\n  text\n  more\nb: *x\nc: !!binary aGVsbG8=\n<<: {d: 1}\nmodel_uid:\n...\n",
    ],
    "credentials": [
        b"url: https://eu-de.ml.cloud.ibm.com\napikey: key\nspace_id: 3fa2b1c4\n",
        b"\xef\xbb\xbfkind: software\r\nurl: https://cpd.example.com\r\nusername: ana\r\nversion: '5.0'\r\n",
    ],
    "lock_files": [_LOCK, b"format: 1\nspaces: []\n"],
    "archives": [b"t" + _tar(model=b"bytes", other=b""), b"w" + gzip.compress(_tar(model=b"bytes"), mtime=0)],
}
"""What each begins with."""
