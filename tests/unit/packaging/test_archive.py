"""Archives are the same bytes for the same content, and foreign ones are taken only if they are whole and safe."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wml_deployer.errors import PackagingError
from wml_deployer.packaging._archive import check_archive, write_archive

if TYPE_CHECKING:
    from collections.abc import Callable

    Change = Callable[[tarfile.TarInfo], None]

CONTENT = {"model.pkl": b"petal" * 300, "assets/vocabulary.txt": "maçã\n".encode(), "empty": b""}


@pytest.fixture
def members(tmp_path: Path) -> dict[str, Path]:
    """The files of CONTENT, by name in the archive."""
    return {name: write(tmp_path / "files" / name, content) for name, content in CONTENT.items()}


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def archive_of(path: Path, *members: tarfile.TarInfo, mode: str = "w:gz", content: bytes = b"x") -> Path:
    """An archive as somebody else may write it."""
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]  # the stubs list the modes
        for member in members:
            member.size = len(content) if member.isfile() else 0
            archive.addfile(member, io.BytesIO(content) if member.isfile() else None)
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def test_the_content_is_there(members: dict[str, Path], tmp_path: Path) -> None:
    """Python's own tarfile reads every file under its name."""
    write_archive(members, tmp_path / "out.tar.gz")

    with tarfile.open(tmp_path / "out.tar.gz") as archive:
        found = {each.name: file.read() for each in archive if (file := archive.extractfile(each))}
    assert CONTENT == found


@pytest.mark.skipif(not shutil.which("tar"), reason="needs tar")
def test_tar_itself_reads_it(members: dict[str, Path], tmp_path: Path) -> None:
    """The system's own tool finds nothing to complain of."""
    write_archive(members, tmp_path / "out.tar.gz")

    listed = subprocess.run(["tar", "-tzf", tmp_path / "out.tar.gz"], capture_output=True, text=True, check=True)
    assert (sorted(CONTENT), "") == (listed.stdout.splitlines(), listed.stderr)


def test_names_may_be_long_and_accented(tmp_path: Path) -> None:
    """What does not fit into an old tar header is written all the same."""
    name = f"{'sub/' * 60}coração.bin"
    write_archive({name: write(tmp_path / "x", b"x")}, tmp_path / "out.tar.gz")

    with tarfile.open(tmp_path / "out.tar.gz") as archive:
        assert [name] == archive.getnames()


def test_equal_content_gives_equal_bytes(members: dict[str, Path], tmp_path: Path) -> None:
    """Neither time nor mode nor the order of the mapping is in the archive."""
    write_archive(members, tmp_path / "one.tar.gz")
    for path in members.values():
        path.chmod(0o600)
        path.touch()
    write_archive(dict(reversed(members.items())), tmp_path / "other.tar.gz")

    assert (tmp_path / "one.tar.gz").read_bytes() == (tmp_path / "other.tar.gz").read_bytes()


@settings(deadline=None, max_examples=25)
@given(content=st.dictionaries(st.text("abc", min_size=1), st.binary(max_size=2000), min_size=1))
def test_writing_and_checking_give_one_digest(
    content: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The digest of an archive is that of the files it was made from."""
    folder = tmp_path_factory.mktemp("content")
    files = {f"{name}.bin": write(folder / f"{name}.bin", value) for name, value in content.items()}

    assert write_archive(files, folder / "out.tar.gz") == check_archive(folder / "out.tar.gz")


def test_the_digest_is_what_sha256sum_says(members: dict[str, Path], tmp_path: Path) -> None:
    """Anybody can recompute it: sha256sum of the sorted files, and sha256sum of that."""
    lines = "".join(f"{hashlib.sha256(CONTENT[name]).hexdigest()}  {name}\n" for name in sorted(CONTENT))

    digest = write_archive(members, tmp_path / "out.tar.gz")
    assert hashlib.sha256(lines.encode()).hexdigest() == digest


@pytest.mark.parametrize("level", [1, 9])
def test_the_digest_stands_for_the_content_alone(members: dict[str, Path], tmp_path: Path, level: int) -> None:
    """Compression, order, times, owners, folders and a leading ./ do not count."""
    with tarfile.open(tmp_path / "foreign.tar.gz", "w:gz", compresslevel=level) as archive:
        for name in reversed(members):
            archive.add(members[name], f"./{name}")
        archive.add(tmp_path / "files" / "assets", "./assets", recursive=False)

    assert write_archive(members, tmp_path / "out.tar.gz") == check_archive(tmp_path / "foreign.tar.gz")


@pytest.mark.parametrize("change", ["content", "name"])
def test_other_content_has_another_digest(members: dict[str, Path], tmp_path: Path, change: str) -> None:
    """One byte of a file or of its name makes another model."""
    before = write_archive(members, tmp_path / "out.tar.gz")
    if change == "content":
        members["model.pkl"].write_bytes(CONTENT["model.pkl"][:-1] + b"?")
    else:
        members["model.pk"] = members.pop("model.pkl")

    assert before != write_archive(members, tmp_path / "out.tar.gz")


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    """A header that told another size than there is would break the archive."""
    with pytest.raises(PackagingError, match=r"changed while it was packed"):
        # The kernel says that this file has no bytes, and then it has some.
        write_archive({"status": Path("/proc/self/status")}, tmp_path / "out.tar.gz")


@pytest.mark.parametrize(
    ("info", "problem"),
    [
        pytest.param(member("/etc/cron.d/x"), "lies outside", id="absolute"),
        pytest.param(member("../x"), "lies outside", id="parent"),
        pytest.param(member("a/../../x"), "lies outside", id="parent-inside"),
        pytest.param(member("x", tarfile.SYMTYPE, "/etc/passwd"), "links out, to /etc/passwd", id="symlink"),
        pytest.param(member("a/x", tarfile.SYMTYPE, "../../y"), "links out", id="relative-symlink"),
        pytest.param(member("x", tarfile.LNKTYPE, "../y"), "links out", id="hard-link"),
        pytest.param(member("x", tarfile.LNKTYPE, "/etc/passwd"), "links out", id="absolute-hard-link"),
        pytest.param(member("a/../x"), "lies outside", id="dots"),
        pytest.param(member("x", tarfile.CHRTYPE), "is a device or pipe", id="device"),
        pytest.param(member("x", tarfile.FIFOTYPE), "is a device or pipe", id="pipe"),
    ],
)
def test_unsafe_members_are_refused(tmp_path: Path, info: tarfile.TarInfo, problem: str) -> None:
    """Nothing that leads out of the folder it is unpacked in reaches the service."""
    path = archive_of(tmp_path / "model.tar.gz", member("model.pkl"), info)

    with pytest.raises(PackagingError, match=r"not safe") as caught:
        check_archive(path)

    assert [info.name] == [fault.where for fault in caught.value.faults]
    assert problem in caught.value.faults[0].problem


def test_all_unsafe_members_are_listed_at_once(tmp_path: Path) -> None:
    """One error tells everything."""
    path = archive_of(tmp_path / "model.tar.gz", member("/a"), member("ok"), member("../b"))

    with pytest.raises(PackagingError) as caught:
        check_archive(path)

    assert ["/a", "../b"] == [fault.where for fault in caught.value.faults]


def test_links_inside_are_taken(tmp_path: Path) -> None:
    """A link from one file of the archive to another leads nowhere else, and counts as content."""
    one = archive_of(
        tmp_path / "1.tar.gz", member("v1/model.pkl"), member("model.pkl", tarfile.SYMTYPE, "v1/model.pkl")
    )
    two = archive_of(
        tmp_path / "2.tar.gz", member("v1/model.pkl"), member("model.pkl", tarfile.SYMTYPE, "v1/other.pkl")
    )

    assert check_archive(one) != check_archive(two)


def linked(*members: tarfile.TarInfo) -> list[tarfile.TarInfo]:
    """A link from deep inside to the root, from where one step up leads out."""
    return [member("deep/down/root", tarfile.SYMTYPE, "../.."), *members]


@pytest.mark.parametrize(
    ("members_", "where", "problem"),
    [
        pytest.param(linked(member("x", tarfile.SYMTYPE, "deep/down/root/..")), "x", "links out", id="symlink"),
        pytest.param(linked(member("x", tarfile.LNKTYPE, "deep/down/root/../y")), "x", "links out", id="hard-link"),
        pytest.param(
            [member("up", tarfile.SYMTYPE, "down"), member("down", tarfile.SYMTYPE, ".."), member("up/x")],
            "up",
            "links out",
            id="up",
        ),
        pytest.param(
            [member("a", tarfile.SYMTYPE, "b"), member("b", tarfile.SYMTYPE, "a")], "a", "links out", id="circle"
        ),
        pytest.param([member("x"), member("./x")], "x", "more than once", id="twice"),
        pytest.param([member("x", tarfile.SYMTYPE, "y"), member("x")], "x", "more than once", id="through-a-link"),
    ],
)
def test_what_leads_out_by_way_of_others_is_refused(
    tmp_path: Path, members_: list[tarfile.TarInfo], where: str, problem: str
) -> None:
    """Each member may look harmless by itself."""
    path = archive_of(tmp_path / "model.tar.gz", *members_)

    with pytest.raises(PackagingError, match=r"not safe") as caught:
        check_archive(path)

    assert (where, True) == (caught.value.faults[0].where, problem in caught.value.faults[0].problem)


ALIKE = [
    pytest.param([member("a\nb")], [member("a"), member("b")], id="line-break"),
    pytest.param([member("a\\nb")], [member("a\nb")], id="backslash"),
    pytest.param([member("a\rb")], [member("a\\rb")], id="carriage-return"),
    pytest.param(
        [member("d/x", tarfile.SYMTYPE, "y")], [member("d/x", tarfile.LNKTYPE, "y")], id="symbolic-or-hard-link"
    ),
    pytest.param(
        [member("c", tarfile.SYMTYPE, "a  b")], [member("b  c", tarfile.SYMTYPE, "a")], id="spaces-around-a-link"
    ),
]


@pytest.mark.parametrize(("ones", "others"), ALIKE)
def test_archives_that_only_read_alike_differ(
    tmp_path: Path, ones: list[tarfile.TarInfo], others: list[tarfile.TarInfo]
) -> None:
    """Names and link targets may hold anything, and are never taken for one another."""
    one = archive_of(tmp_path / "1.tar.gz", *ones)
    other = archive_of(tmp_path / "2.tar.gz", *others)

    assert check_archive(one) != check_archive(other)


@pytest.mark.skipif(not shutil.which("sha256sum"), reason="needs sha256sum")
def test_odd_names_are_written_as_sha256sum_does(tmp_path: Path) -> None:
    """A name with a line break is escaped in the list that is hashed."""
    files = {name: write(tmp_path / name, b"x") for name in ("a\nb", "c\\d", "e\rf", "plain")}
    listed = subprocess.run(["sha256sum", *sorted(files)], cwd=tmp_path, capture_output=True, check=True).stdout

    assert hashlib.sha256(listed).hexdigest() == write_archive(files, tmp_path / "out.tar.gz")


@pytest.mark.parametrize("keep", [1, 40, 0.3, 0.9, -9, -1])
def test_a_cut_archive_is_refused(members: dict[str, Path], tmp_path: Path, keep: float) -> None:
    """An upload or copy that broke off is noticed wherever it did."""
    members["noise.bin"] = write(tmp_path / "noise", hashlib.shake_128(b"").digest(30_000))
    path = tmp_path / "model.tar.gz"
    write_archive(members, path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(keep * len(whole)) if 0 < keep < 1 else int(keep)])

    with pytest.raises(PackagingError, match=r"not a whole \.tar\.gz"):
        check_archive(path)


@pytest.mark.parametrize("cut", [1, 511, 512, 600, 1024, 1500])
def test_a_tar_that_was_cut_before_it_was_compressed_is_refused(tmp_path: Path, cut: int) -> None:
    """The compression is whole, and the archive in it ends in the middle, or without the mark of its end."""
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as archive:
        for name in ("a", "b"):
            info = member(name)
            info.size = 1
            archive.addfile(info, io.BytesIO(b"x"))
    end = whole.getvalue().rstrip(b"\0")

    with pytest.raises(PackagingError, match=r"not a whole \.tar\.gz"):
        check_archive(write(tmp_path / "model.tar.gz", gzip.compress(end.ljust(2048, b"\0")[: 2048 - cut])))


def test_a_damaged_header_is_not_the_end(tmp_path: Path) -> None:
    """What follows a header that cannot be read is not silently left out."""
    plain = gzip.decompress(archive_of(tmp_path / "model.tar.gz", member("a"), member("b")).read_bytes())
    damaged = plain.replace(b"b\0", b"c\0", 1)

    with pytest.raises(PackagingError, match=r"not a whole \.tar\.gz"):
        check_archive(write(tmp_path / "model.tar.gz", gzip.compress(damaged)))


@settings(deadline=None, max_examples=100)
@given(position=st.integers(0), value=st.integers(0, 255), compressed=st.booleans())
def test_damage_never_ends_in_a_bare_error(
    position: int, value: int, *, compressed: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever byte is changed, in the archive or below its compression, the error is the library's own."""
    folder = tmp_path_factory.mktemp("damaged")
    long_name = member("n" * 150)
    path = archive_of(folder / "model.tar.gz", member("a"), long_name, member("c", tarfile.SYMTYPE, "a"))
    content = bytearray(path.read_bytes() if compressed else gzip.decompress(path.read_bytes()))
    content[position % len(content)] = value
    path.write_bytes(content if compressed else gzip.compress(content))

    with contextlib.suppress(PackagingError):
        check_archive(path)


@pytest.mark.parametrize(
    "content",
    [b"no archive at all", b"PK\x03\x04 a zip", gzip.compress(b"a gzip, but no tar" * 100), b"\x1f\x8b\x08 garbage"],
    ids=["text", "zip", "gzip", "garbage"],
)
def test_what_only_has_the_name_is_refused(tmp_path: Path, content: bytes) -> None:
    """The name of a file says nothing."""
    with pytest.raises(PackagingError, match=r"not a whole \.tar\.gz") as caught:
        check_archive(write(tmp_path / "model.tar.gz", content))

    assert "tar -czf" in (caught.value.next_step or "")


def test_an_archive_without_compression_is_refused(tmp_path: Path) -> None:
    """A tar that is only named .tar.gz is not what the service takes."""
    with pytest.raises(PackagingError, match=r"not a whole"):
        check_archive(archive_of(tmp_path / "model.tar.gz", member("model.pkl"), mode="w"))


@pytest.mark.parametrize("members_", [[], [member("folder", tarfile.DIRTYPE)]], ids=["none", "folder"])
def test_an_archive_without_files_is_refused(tmp_path: Path, members_: list[tarfile.TarInfo]) -> None:
    """Folders alone are no model."""
    with pytest.raises(PackagingError, match=r"holds no files"):
        check_archive(archive_of(tmp_path / "model.tar.gz", *members_))
