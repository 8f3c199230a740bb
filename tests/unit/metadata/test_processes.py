"""metadata.yaml and metadata.lock between processes: killed in the middle of a write, and written by many at once."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import pytest

from wml_deployer.errors import ConflictError, MetadataError
from wml_deployer.metadata import LogEntry, Metadata, MetadataFile, Space

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BEGIN = """
import datetime, json, os, resource, signal, sys, time
from wml_deployer.metadata import LogEntry, MetadataFile, Space

NOW = datetime.datetime(2026, 1, 31, tzinfo=datetime.timezone.utc)
file = MetadataFile(sys.argv[1], Space("local", "3fa2"))

def append(*entries, file=file):
    metadata = file.read()
    log = tuple(LogEntry(when=NOW, action="update", why=why, verification="passed") for why in entries)
    file.write(metadata.model_copy(update={"log": (*metadata.log, *log)}))
"""


def script(code: str, *arguments: str) -> list[str]:
    """The command of a process of its own."""
    return [sys.executable, "-c", BEGIN + code, *arguments]


def run(code: str, *arguments: str) -> str:
    """What a process of its own prints."""
    done = subprocess.run(script(code, *arguments), check=True, capture_output=True, text=True, timeout=110)
    return done.stdout


@pytest.fixture
def file(tmp_path: Path) -> MetadataFile:
    """A project's file."""
    path = tmp_path / "metadata.yaml"
    path.write_text("project_name: a  # é\nproject_version: 1\n", encoding="utf-8")
    return MetadataFile(path, Space("local", "3fa2"))


def reasons(file: MetadataFile) -> list[str | None]:
    """Why each line of the log was written."""
    return [line.why for line in file.read().log]


# Killed

# Every step of a write that touches the folder is an audit event; the process kills itself just before the n-th one,
# until there is no n-th one. Each writer is forked, so that Python starts only once.
KILL_AT_EACH_STEP = """
def kill_at(step):
    left = step
    def hook(event, arguments):
        nonlocal left
        if event in STEPS and any(isinstance(a, (str, bytes, int)) and concerns(a) for a in arguments[:1]):
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(hook)

def concerns(place):
    return isinstance(place, int) or os.fspath(place).startswith(os.path.dirname(sys.argv[1]))

STEPS = {"open", "os.chmod", "os.chown", "os.remove", "os.rename"}
append("first")
old, step, outcomes = file.lock_path.read_bytes(), 0, []
append("whole")
new = file.lock_path.read_bytes()
while True:
    file.lock_path.write_bytes(old)
    child = os.fork()
    if not child:
        kill_at(step)
        append("whole")
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    found = file.lock_path.read_bytes()
    outcomes.append("old" if found == old else "new" if found == new else "torn")
    if not os.WIFSIGNALED(status):
        break
    step += 1
print(json.dumps(outcomes))
"""

KILL_AT_ANY_MOMENT = """
append("begin")
for number in range(20):
    before, child = file.lock_path.stat().st_ino, os.fork()
    while not child:
        append(str(len(file.read().log)))
    while file.lock_path.stat().st_ino == before:
        time.sleep(0.001)
    time.sleep(0.001 * number)
    os.kill(child, signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
"""

TORN_DRAFT = """
append("first")
size = file.lock_path.stat().st_size
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10, size + 10))
append("torn")
"""

FULL_DISK = """
append("first")
resource.setrlimit(resource.RLIMIT_FSIZE, (file.lock_path.stat().st_size + 10, resource.RLIM_INFINITY))
try:
    append("too much")
except Exception as error:
    print(type(error).__name__)
"""


def test_killed_at_any_step_the_file_is_whole(file: MetadataFile) -> None:
    """SIGKILL before each step of a write leaves the old file up to the renaming and the new one after it."""
    outcomes = run(KILL_AT_EACH_STEP, str(file.path)).strip("[]\n").replace('"', "").split(", ")

    switch = outcomes.index("new")
    assert (["old"] * switch + ["new"] * (len(outcomes) - switch), True) == (outcomes, switch >= 5)


def test_killed_while_the_bytes_are_written_the_file_is_whole(file: MetadataFile) -> None:
    """The kernel kills the writer when ten bytes are out: the old file is there, and the next write succeeds."""
    done = subprocess.run(script(TORN_DRAFT, str(file.path)), check=False, capture_output=True, timeout=60)
    draft, left = file.path.with_name(".metadata.lock.tmp"), reasons(file)

    assert (-signal.SIGXFSZ, ["first"], True) == (done.returncode, left, draft.exists())
    run("append('next')", str(file.path))
    assert (["first", "next"], False) == (reasons(file), draft.exists())


def test_a_full_disk_leaves_the_file_as_it_was(file: MetadataFile) -> None:
    """A write that fails is our error; the old file is there, and nothing beside it."""
    printed = run(FULL_DISK, str(file.path))

    left = sorted(path.name for path in file.directory.iterdir())
    assert ("MetadataError\n", ["first"], [".metadata.yaml.mutex", "metadata.lock", "metadata.yaml"]) == (
        printed,
        reasons(file),
        left,
    )


def test_killed_at_any_moment_the_log_is_whole(file: MetadataFile) -> None:
    """Twenty processes that write without end are killed, one after another: the log has no gap, and nobody waits."""
    run(KILL_AT_ANY_MOMENT, str(file.path))

    found = reasons(file)[1:]

    assert ([str(number) for number in range(1, len(found) + 1)], True) == (found, len(found) >= 20)


# At once

HOLD = """
with file.lock():
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(file: MetadataFile) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock until its standard input ends."""
    with subprocess.Popen(
        script(HOLD, str(file.path)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def test_who_comes_too_late_is_told_so(file: MetadataFile, holder: subprocess.Popen[str]) -> None:
    """While another process holds the lock, nothing is written."""
    before = file.path.read_bytes()

    with pytest.raises(ConflictError, match="Another process has been working on"), file.lock(timeout=0.1):
        file.path.write_text("never")

    assert before == file.path.read_bytes()


def test_the_lock_ends_with_its_process(file: MetadataFile, holder: subprocess.Popen[str]) -> None:
    """Killed, a process holds nothing any more."""
    holder.send_signal(signal.SIGKILL)
    holder.wait()

    with file.lock(timeout=5):
        assert file.read().log == ()


def test_reading_needs_no_lock(file: MetadataFile, holder: subprocess.Popen[str]) -> None:
    """Whoever reads finds a whole file, whoever is writing."""
    assert file.read().project_name == "a"


def test_the_lock_may_be_nested(file: MetadataFile) -> None:
    """One thread takes the lock again, also through another object for the same file."""
    twin = MetadataFile(file.path, file.space)

    with file.lock(), twin.lock(timeout=0.1), file.lock(timeout=0.1):
        twin.write(twin.read().model_copy(update={"model_uid": "m"}))

    assert file.read().model_uid == "m"


def test_the_lock_keeps_threads_apart(file: MetadataFile) -> None:
    """Another thread of the process has to wait, too."""
    refused: list[ConflictError] = []

    def take() -> None:
        try:
            with file.lock(timeout=0.05):
                pass
        except ConflictError as error:
            refused.append(error)

    with file.lock():
        thread = threading.Thread(target=take)
        thread.start()
        thread.join()

    assert len(refused) == 1


def test_writers_at_once_lose_nothing(file: MetadataFile) -> None:
    """Three processes append ten entries each under the lock: all thirty are there, each process's in order."""
    code = "for number in range(10):\n    with file.lock(): append(f'{sys.argv[2]}{number}')"
    writers = [subprocess.Popen(script(code, str(file.path), name)) for name in "abc"]
    codes = [writer.wait(timeout=60) for writer in writers]

    found = sorted((why or "" for why in reasons(file)), key=lambda why: why[0])

    assert ([0, 0, 0], [f"{name}{number}" for name in "abc" for number in range(10)]) == (codes, found)


# The file on the disk


@pytest.mark.parametrize("mode", [0o644, 0o600, 0o664])
def test_mode_stays(file: MetadataFile, mode: int) -> None:
    """Whoever could read the file still can, and nobody else."""
    file.path.chmod(mode)

    file.write(file.read().model_copy(update={"model_uid": "m"}))

    assert mode == stat.S_IMODE(file.path.stat().st_mode)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_owner_stays(file: MetadataFile) -> None:
    """Root, as in a container, does not take the file from its owner."""
    os.chown(file.path, 12345, 23456)

    file.write(file.read().model_copy(update={"model_uid": "m"}))

    assert (12345, 23456) == (file.path.stat().st_uid, file.path.stat().st_gid)


def test_a_link_stays_a_link(file: MetadataFile, tmp_path: Path) -> None:
    """Through a symbolic link its target is replaced, under the target's lock."""
    (tmp_path / "project").mkdir()
    link = tmp_path / "project" / "metadata.yaml"
    link.symlink_to(file.path)

    MetadataFile(link, file.space).write(file.read().model_copy(update={"model_uid": "m"}))

    beside = [path.name for path in link.parent.iterdir()]
    assert (True, "m", ["metadata.yaml"]) == (link.is_symlink(), file.read().model_uid, beside)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is write-protected from root")
def test_a_protected_file_is_not_replaced(file: MetadataFile) -> None:
    """Write protection is respected, although the folder would allow a new file."""
    file.path.chmod(0o444)

    with pytest.raises(MetadataError, match="write-protected"):
        file.write(file.read().model_copy(update={"model_uid": "m"}))


def test_a_missing_folder_is_our_error(tmp_path: Path) -> None:
    """Where there is no folder, there is nothing to lock or write."""
    file = MetadataFile(tmp_path / "nowhere" / "metadata.yaml")

    with pytest.raises(MetadataError, match="cannot be written"):
        file.write(Metadata(project_name="a", project_version="1"))


def test_an_entry_may_be_anything_printable(file: MetadataFile) -> None:
    """A reason with quotes, colons and line breaks is one line in the file."""
    why = "better: \"recall\" # 'é'\n- and more"
    entry = LogEntry(when=datetime.now(timezone.utc), action="deploy", why=why, verification="passed")

    file.write(file.read().model_copy(update={"log": (entry,)}))

    assert ([why], 1) == (reasons(file), file.lock_path.read_text(encoding="utf-8").count("recall"))


WITHOUT_LIBYAML = """
import sys
sys.modules["yaml._yaml"] = None
import yaml
assert not yaml.__with_libyaml__
"""


def test_the_file_is_the_same_without_libyaml(file: MetadataFile, tmp_path: Path) -> None:
    """Where PyYAML is built without libyaml, the same bytes are written."""
    twin = tmp_path / "twin.yaml"
    twin.write_bytes(file.path.read_bytes())
    code = "append('one', 'two: 2'); append('é'); file.read()"

    run(code, str(file.path))
    subprocess.run([sys.executable, "-c", WITHOUT_LIBYAML + BEGIN + code, str(twin)], check=True, timeout=60)

    assert file.lock_path.read_bytes() == twin.with_suffix(".lock").read_bytes()
