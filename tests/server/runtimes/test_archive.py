"""Uploads are unpacked without being trusted."""

from __future__ import annotations

import contextlib
import gzip
import io
import stat
import tarfile
import zipfile
from random import Random
from typing import TYPE_CHECKING

import pytest

from wml_deployer.server.runtimes.archive import Bounds, unpack, unpack_zip
from wml_deployer.server.runtimes.errors import LoadError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BIG = 2**20


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", size: int = 0) -> tarfile.TarInfo:
    """One entry of a tar archive."""
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname, entry.size = kind, link, size
    return entry


def tar_of(path: Path, *entries: tarfile.TarInfo, mode: str = "w:gz") -> Path:
    """A tar archive of entries full of zeros."""
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for entry in entries:
            archive.addfile(entry, io.BytesIO(bytes(entry.size)))
    return path


def unpacked(
    artifact: Path, tmp_path: Path, unpacking: Callable[..., None] = unpack, *, size: int = BIG, files: int = 10
) -> dict[str, int]:
    """Name -> size of what comes out of an archive."""
    target = tmp_path / "out"
    target.mkdir()
    unpacking(artifact, target, Bounds(size, files))
    return {str(path.relative_to(target)): path.stat().st_size for path in target.rglob("*") if path.is_file()}


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_tar_is_unpacked_however_compressed(mode: str, tmp_path: Path) -> None:
    """Directories and files come out below the folder."""
    entries = member("./folder", tarfile.DIRTYPE), member("./folder/model.pkl", size=5), member("notes", size=3)

    assert {"folder/model.pkl": 5, "notes": 3} == unpacked(tar_of(tmp_path / "a", *entries, mode=mode), tmp_path)


@pytest.mark.parametrize("compress", [True, False])
def test_single_file_becomes_the_content(compress: bool, tmp_path: Path) -> None:
    """A file that is no archive is taken as it is, or as gzip had it."""
    artifact = tmp_path / "model"
    artifact.write_bytes(gzip.compress(b"12345") if compress else b"12345")

    assert {"content": 5} == unpacked(artifact, tmp_path)


@pytest.mark.parametrize(
    "entry",
    [
        member("../outside"),
        member("/etc/outside"),
        member("folder/../../outside"),
        member("link", tarfile.SYMTYPE, "/etc/passwd"),
        member("link", tarfile.LNKTYPE, "other"),
        member("device", tarfile.CHRTYPE),
        member("pipe", tarfile.FIFOTYPE),
    ],
    ids=lambda entry: f"{entry.name}-{entry.type!r}",
)
def test_entry_that_leads_out_is_refused(entry: tarfile.TarInfo, tmp_path: Path) -> None:
    """Neither names nor links nor devices reach beyond the folder."""
    artifact = tar_of(tmp_path / "a.tar.gz", entry)

    with pytest.raises(LoadError, match=r"is outside of it|link or a device") as caught:
        unpacked(artifact, tmp_path)

    assert "invalid_model_content" == caught.value.code
    assert [] == list((tmp_path / "out").iterdir())


@pytest.mark.parametrize(
    ("size", "files", "words"), [(100, 10, "too many bytes"), (BIG, 2, "too many files")], ids=["size", "files"]
)
def test_archive_beyond_its_bounds_is_refused(size: int, files: int, words: str, tmp_path: Path) -> None:
    """Unpacking stops at the limit, however small the upload was."""
    artifact = tar_of(tmp_path / "bomb.tar.gz", *(member(f"file-{index}", size=60) for index in range(3)))

    with pytest.raises(LoadError, match=words):
        unpacked(artifact, tmp_path, size=size, files=files)


def test_gzip_bomb_is_refused(tmp_path: Path) -> None:
    """A single file that unpacks beyond the limit is refused, too."""
    artifact = tmp_path / "bomb.gz"
    artifact.write_bytes(gzip.compress(b"x" * (BIG + 1)))

    with pytest.raises(LoadError, match="too many bytes"):
        unpacked(artifact, tmp_path)


@pytest.mark.parametrize("cut", [20, 60])
def test_truncated_archive_is_refused(cut: int, tmp_path: Path) -> None:
    """An upload that was cut off is told as such."""
    artifact = tar_of(tmp_path / "cut.tar.gz", member("model.pkl", size=5000))
    artifact.write_bytes(artifact.read_bytes()[:cut])

    with pytest.raises(LoadError, match="cannot be"):
        unpacked(artifact, tmp_path)


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_archive_is_whole_or_refused_wherever_it_is_cut(mode: str, tmp_path: Path) -> None:
    """Not a member is missed in silence, and none is taken for the whole."""
    whole = tar_of(tmp_path / "whole", member("model.pkl", size=700), member("notes", size=3), mode=mode).read_bytes()
    (tmp_path / "out").mkdir()
    silent = []
    # An uncompressed archive is padded with zeros behind its end.
    for cut in range(1, 3072 if mode == "w" else len(whole) - 8, 37 if mode == "w" else 5):
        artifact = tmp_path / "cut"
        artifact.write_bytes(whole[:cut])
        target = tmp_path / "out" / str(cut)
        target.mkdir()
        try:
            unpack(artifact, target, Bounds(BIG, 10))
        except LoadError:
            continue
        silent.append((cut, [path.name for path in target.iterdir()]))

    # What is shorter than what archives begin with is some other file.
    assert [["content"]] * len(silent) == [names for _, names in silent]
    assert all(cut < (512 if mode == "w" else 6) for cut, _ in silent)


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("kind", ["w", "w:gz", "w:bz2", "w:xz", "zip"])
def test_a_damaged_archive_fails_to_load_and_in_no_other_way(kind: str, seed: int, tmp_path: Path) -> None:
    """Bytes that were changed on the way: each library has errors of its own, and none of them comes out."""
    random = Random(seed)
    artifact = tmp_path / "damaged"
    if kind == "zip":
        with zipfile.ZipFile(artifact, "w", random.choice([zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])) as archive:
            archive.writestr("folder/model.h5", bytes(5000))
            archive.writestr("note", b"x")
    else:
        tar_of(artifact, member("folder/model.pkl", size=700), member("ü", size=3), mode=kind)
    content = bytearray(artifact.read_bytes())
    for _ in range(random.randint(1, 6)):
        content[random.randrange(min(len(content), 4000))] = random.randrange(256)
    artifact.write_bytes(content)

    with contextlib.suppress(LoadError):
        unpacked(artifact, tmp_path, unpack_zip if kind == "zip" else unpack)


@pytest.mark.parametrize("unpacking", [unpack, unpack_zip])
@pytest.mark.parametrize("names", [["a/", "b/", "c/", "d/"], ["a/b/c/d/e"]], ids=str)
def test_folders_count(names: list[str], unpacking: Callable[..., None], tmp_path: Path) -> None:
    """A small archive could otherwise make millions of them."""
    if unpacking is unpack:
        kinds = {True: tarfile.DIRTYPE, False: tarfile.REGTYPE}
        artifact = tar_of(tmp_path / "a", *(member(name, kinds[name.endswith("/")]) for name in names))
    else:
        artifact = tmp_path / "a.zip"
        with zipfile.ZipFile(artifact, "w") as archive:
            for name in names:
                archive.writestr(name, b"")

    with pytest.raises(LoadError, match="too many files"):
        unpacked(artifact, tmp_path, unpacking, files=3)


def test_unpacked_file_is_not_executable(tmp_path: Path) -> None:
    """Modes of the archive are not taken over."""
    entry = member("run.sh", size=1)
    entry.mode = 0o4777

    unpacked(tar_of(tmp_path / "a.tar", entry), tmp_path)

    assert 0 == stat.S_IMODE((tmp_path / "out" / "run.sh").stat().st_mode) & 0o7111


def test_zip_is_unpacked(tmp_path: Path) -> None:
    """Files in folders come out below the folder."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("folder/model.h5", b"12345")

    assert {"folder/model.h5": 5} == unpacked(tmp_path / "a.zip", tmp_path, unpack_zip)


@pytest.mark.parametrize("name", ["../outside", "/outside"])
def test_zip_that_leads_out_is_refused(name: str, tmp_path: Path) -> None:
    """A zip archive is trusted no more than a tar."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(name, b"12345")

    with pytest.raises(LoadError, match="is outside of it"):
        unpacked(tmp_path / "a.zip", tmp_path, unpack_zip)


def test_damaged_zip_is_refused(tmp_path: Path) -> None:
    """What is no zip archive is told as such."""
    (tmp_path / "a.zip").write_bytes(b"PK\x03\x04 and no more")

    with pytest.raises(LoadError, match="cannot be read"):
        unpacked(tmp_path / "a.zip", tmp_path, unpack_zip)
