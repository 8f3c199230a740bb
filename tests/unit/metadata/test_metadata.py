"""metadata.yaml with metadata.lock: what is read, what is refused and how it is said, what is written."""

from __future__ import annotations

import datetime as dt
import math
import pickle
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from wml_deployer.errors import Fault, MetadataError
from wml_deployer.metadata import LogEntry, Metadata, MetadataFile, Space, Version
from wml_deployer.schema import ClassLabel, Field, Schema

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Writer = Callable[[str | bytes], MetadataFile]

UTC = dt.timezone.utc
HERE = Space("local", "3fa2")
NOON = dt.datetime(2026, 1, 31, 12, tzinfo=UTC)
TUTORIAL = {
    "project_name": "Previsão de Evasão",
    "project_version": "0.1",
    "author": "João",
    "model_type": "scikit-learn_0.23",
    "model_uid": "9d0e-1",
    "deployment_uid": "77aa-2",
    "metrics": {"f1": 0.91},
}


@pytest.fixture
def write(tmp_path: Path) -> Writer:
    """Write a metadata.yaml."""

    def write(content: str | bytes) -> MetadataFile:
        path = tmp_path / "metadata.yaml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return MetadataFile(path, HERE)

    return write


def version(name: str = "v0.1", **changes: Any) -> Version:
    """A version, changed here and there."""
    values: dict[str, Any] = {
        "name": name,
        "model_id": "9d0e-1",
        "revision": "1",
        "digest": "sha256:4f0a",
        "model_type": "scikit-learn_1.3",
        "software_specification": "runtime-24.1-py3.11",
        "libraries": {"python": "3.11", "scikit-learn": "1.3.2"},
        "fields": (Field("age", "int64"), Field("sex", "category")),
        "classes": (0, 1),
        "stored_at": NOON,
    }
    return Version(**{**values, **changes})


def entry(**changes: Any) -> LogEntry:
    """A line of the log, changed here and there."""
    values: dict[str, Any] = {"when": NOON, "action": "deploy", "to_version": "v0.1", "verification": "passed"}
    return LogEntry(**{**values, **changes})


def faults(file: MetadataFile) -> list[Fault]:
    """What is wrong with a file."""
    with pytest.raises(MetadataError) as caught:
        file.read()
    return list(caught.value.faults)


# What is read


def test_file_of_the_tutorial_is_read(tmp_path: Path) -> None:
    """What the tutorial's script writes is read, its other keys too."""
    path = tmp_path / "metadata.yaml"
    with path.open("w+", encoding="utf-8") as file:
        yaml.dump(TUTORIAL, file, allow_unicode=True)

    not_there = {"versions", "retired", "log", "pending", "serving"}
    assert MetadataFile(path).read().model_dump(exclude=not_there) == TUTORIAL


def test_file_survives_the_tutorial_script(write: Writer) -> None:
    """Loaded and dumped again by the tutorial's script, the files still say the same."""
    file = write("project_name: churn\nproject_version: '0.1'\n")
    metadata = file.read().model_copy(update={"versions": (version(),), "log": (entry(why="a: b"),)})
    file.write(metadata)

    loaded = yaml.safe_load(file.path.read_text(encoding="utf-8"))
    file.path.write_text(yaml.dump(loaded, allow_unicode=True), encoding="utf-8")

    assert metadata == file.read()


@pytest.mark.parametrize("text", ["0.1", "1.10", "2", "1e3", "0x10", "2026-01-31", "yes", "1_0", "'0.10'", "null_"])
def test_project_version_is_the_text_that_is_written(write: Writer, text: str) -> None:
    """What YAML would take for a number, a date or a truth stays as it is written."""
    file = write(f"project_name: no\nproject_version: {text}\n")

    assert ("no", text.strip("'")) == (file.read().project_name, file.read().project_version)


def test_null_says_nothing(write: Writer) -> None:
    """A key without a value is as good as no key."""
    file = write("project_name: a\nproject_version: 1\nmodel_uid:\nmodel_type: ~\ndeployment_uid: null\nauthor:\n")

    assert Metadata(project_name="a", project_version="1") == file.read()


def test_times_are_kept_in_utc_to_the_second() -> None:
    """A time of another zone is the same moment in UTC, without fractions."""
    there = dt.datetime(2026, 1, 31, 9, 0, 0, 123456, tzinfo=dt.timezone(dt.timedelta(hours=-3)))

    assert entry(when=there).when.isoformat() == "2026-01-31T12:00:00+00:00"


@pytest.mark.parametrize("key", ["versions", "retired", "log", "pending", "serving"])
def test_keys_of_metadata_lock_mean_nothing_in_metadata_yaml(write: Writer, key: str) -> None:
    """Whatever a user keeps under such a name is not read as the library's."""
    file = write(f"project_name: a\nproject_version: 1\n{key}: 3\n")

    assert Metadata(project_name="a", project_version="1") == file.read()


def test_class_labels_keep_their_types(write: Writer) -> None:
    """1, 1.0, true, "1" and "yes" are five different classes."""
    labels: tuple[ClassLabel, ...] = (1, 1.0, True, "1", "yes", 0, False, "", -2.5e-7, 2**53 + 1)
    file = write("project_name: a\nproject_version: 1\n")
    file.write(file.read().model_copy(update={"versions": (version(classes=labels),)}))

    classes = file.read().versions[0].classes

    assert [(type(label), label) for label in labels] == [(type(label), label) for label in classes]


def test_schema_of_a_version() -> None:
    """A version says what it expects and what it answers."""
    assert Schema((Field("age", "int64"), Field("sex", "category")), (0, 1)) == version().schema


def test_version_is_found_by_name() -> None:
    """The right one, or none."""
    metadata = Metadata(project_name="a", project_version="1", versions=(version("v1"), version("v2")))

    assert [metadata.versions[1], None, None] == [
        metadata.version("v2"),
        metadata.version("v3"),
        metadata.version(None),
    ]


def test_metadata_are_pickled() -> None:
    """Nothing in them is secret: they travel to other processes."""
    metadata = Metadata(project_name="a", project_version="1", versions=(version(),), log=(entry(),))

    assert metadata == pickle.loads(pickle.dumps(metadata))


def test_a_later_chdir_changes_no_file(write: Writer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path means the working directory in which it was given."""
    write("project_name: alpha\nproject_version: v1\n")
    monkeypatch.chdir(tmp_path)
    file = MetadataFile("metadata.yaml")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")

    assert "alpha" == file.read().project_name


def test_directory_is_that_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder is absolute, also where the path is not."""
    monkeypatch.chdir(tmp_path)

    assert tmp_path == MetadataFile("metadata.yaml").directory


# What is refused

HEAD = "project_name: a\nproject_version: 1\n"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", [Fault("the file", "is empty", "one `key: value` a line")]),
        ("- a\n", [Fault("the file", "is a list", "one `key: value` a line")]),
        ("churn\n", [Fault("the file", "is a text", "one `key: value` a line")]),
        ("{project_name: a, project_version: 1}",
         [Fault("the file", "is written in braces", "one `key: value` a line")]),
        (HEAD + "\tauthor: a\n", [Fault("line 3", "a tab", "spaces: YAML knows no tabs there")]),
        (HEAD + "author: a\nauthor: b\n", [Fault("line 4, author", "stands twice", "once; it is in line 3, too")]),
        (HEAD + "x:\n  a: 1\n  a: 2\n", [Fault("line 5, a", "stands twice", "once; it is in line 4, too")]),
        (HEAD + "day: 2026-13-45\n", [Fault("line 3, day", "cannot be read", "quotes around it")]),
        (HEAD + "x: !!python/name:os.system a\n", [Fault("line 3, x", "cannot be read", "quotes around it")]),
        (HEAD + "x: &a b\nmodel_uid: *a\n", [Fault("line 4, model_uid", "uses an alias (*name)", "the value itself")]),
        (
            "author: a\n",
            [
                Fault("project_name", "missing", "such as project_name: churn"),
                Fault("project_version", "missing", 'such as project_version: "0.1"'),
            ],
        ),
        ("projectname: a\nproject_version: v1\n",
         [Fault("project_name", "missing", "is projectname meant to be it?")]),
        ("project_name: [a]\nproject_version: ' '\n",
         [Fault("line 1, project_name", "is a list", "a text"), Fault("line 2, project_version", "empty", "a text")]),
    ],
)  # fmt: skip
def test_bad_files_are_refused(write: Writer, content: str, expected: list[Fault]) -> None:
    """The error names the place, what is wrong there and what would be right, and nothing besides."""
    file = write(content)

    assert expected == faults(file)


def test_bytes_of_another_encoding_are_refused(write: Writer) -> None:
    """A file saved as Latin-1 is not silently misread; the line is named."""
    assert [Fault("line 2", "not UTF-8", "a file saved as UTF-8")] == faults(write("a: 1\nb: João\n".encode("latin-1")))


def test_all_faults_come_at_once(write: Writer) -> None:
    """One error has them all."""
    file = write("project_name:\nmodel_uid: [1]\nday: 2026-13-45\nmodel_type: {a: 1}\n")

    assert len(faults(file)) == 2 + 1 + 1 + 1


def test_a_missing_file_is_refused_with_the_way_out(tmp_path: Path) -> None:
    """The error names the file and what belongs into it."""
    with pytest.raises(MetadataError, match="project_name and project_version"):
        MetadataFile(tmp_path / "metadata.yaml").read()


def test_constructors_raise_our_error() -> None:
    """What is built in Python is checked as what is read."""
    with pytest.raises(MetadataError) as caught:
        Metadata(project_name="", project_version="1", log=[{"action": "deploy"}])

    assert ["project_name", "log[0].when", "log[0].verification"] == [fault.where for fault in caught.value.faults]


# What is written


def test_both_files_as_they_are_written(write: Writer) -> None:
    """Two ids go into the user's file; the library's has short lines in a fixed order, and each schema once."""
    file = write("# Projeto\nproject_name: churn  # sem acento\nproject_version: 0.10\n")
    metadata = file.read().model_copy(
        update={
            "model_uid": "9d0e-1",
            "deployment_uid": "77aa-2",
            "versions": (
                version(),
                version("v0.2", revision="2"),
                version("v0.3", revision="3", fields=(), classes=(), libraries={}, metrics={"f1": 0.5}),
            ),
            "log": (
                entry(model_id="9d0e-1", revision="1", digest="sha256:4f0a"),
                entry(
                    action="update",
                    from_version="v0.1",
                    to_version="v0.2",
                    why="a\nb",
                    who="ana",
                    verification="skipped",
                ),
            ),
        }
    )

    file.write(metadata)

    assert """\
# Projeto
project_name: churn  # sem acento
project_version: 0.10
model_uid: 9d0e-1
deployment_uid: 77aa-2
""" == file.path.read_text(encoding="utf-8")
    expected = """\
# Written by wml_deployer: commit it with metadata.yaml. Where it is lost, Deployer.recover() rebuilds it.
format: 1
schemas:
  SCHEMA:
    fields:
    - [age, int64]
    - [sex, category]
    classes: [0, 1]
spaces:
- service: local
  space: 3fa2
  model_id: 9d0e-1
  deployment_id: 77aa-2
  versions:
  - name: v0.1
    model_id: 9d0e-1
    revision: '1'
    digest: sha256:4f0a
    model_type: scikit-learn_1.3
    software_specification: runtime-24.1-py3.11
    libraries: {python: '3.11', scikit-learn: 1.3.2}
    stored_at: 2026-01-31T12:00:00Z
    schema: SCHEMA
  - name: v0.2
    model_id: 9d0e-1
    revision: '2'
    digest: sha256:4f0a
    model_type: scikit-learn_1.3
    software_specification: runtime-24.1-py3.11
    libraries: {python: '3.11', scikit-learn: 1.3.2}
    stored_at: 2026-01-31T12:00:00Z
    schema: SCHEMA
  - name: v0.3
    model_id: 9d0e-1
    revision: '3'
    digest: sha256:4f0a
    model_type: scikit-learn_1.3
    software_specification: runtime-24.1-py3.11
    metrics: {f1: 0.5}
    stored_at: 2026-01-31T12:00:00Z
  log:
  - when: 2026-01-31T12:00:00Z
    action: deploy
    to: v0.1
    model_id: 9d0e-1
    revision: '1'
    digest: sha256:4f0a
    verification: passed
  - when: 2026-01-31T12:00:00Z
    action: update
    from: v0.1
    to: v0.2
    why: "a\\nb"
    verification: skipped
    who: ana
"""
    written = file.lock_path.read_text(encoding="utf-8")
    key = written.partition("schemas:\n  ")[2].partition(":")[0]

    assert (8, expected.replace("SCHEMA", key)) == (len(key.strip("'")), written.replace(f"'{key}'", key))


def test_what_is_written_is_read(write: Writer) -> None:
    """The same metadata come back."""
    file = write(HEAD)
    metadata = file.read().model_copy(update={"versions": (version(),), "log": (entry(), entry(why="é"))})

    file.write(metadata)

    assert metadata == file.read()


def test_a_change_by_somebody_else_is_read_though_the_file_was_read_before(write: Writer) -> None:
    """What is remembered of the file counts only where it still says the same, byte for byte."""
    file = write(HEAD)
    file.read()

    file.path.write_text(HEAD.replace("project_name: a", "project_name: chess"), encoding="utf-8")

    assert file.read().project_name == "chess"


def test_writing_the_same_again_changes_nothing(write: Writer) -> None:
    """No file is even replaced."""
    file = write(HEAD)
    file.write(file.read().model_copy(update={"model_uid": "m", "log": (entry(),)}))
    before = file.path.stat().st_ino, file.lock_path.stat().st_ino, file.stamp

    file.write(file.read())

    assert before == (file.path.stat().st_ino, file.lock_path.stat().st_ino, file.stamp)


def test_nothing_known_makes_no_file(write: Writer) -> None:
    """A project that was never stored has metadata.yaml alone."""
    file = write(HEAD)

    file.write(file.read())

    assert (HEAD, False) == (file.path.read_text(encoding="utf-8"), file.lock_path.exists())


def test_keys_of_a_later_release_survive(write: Writer) -> None:
    """What this release does not know in a version or the log is written as it was read."""
    file = write(HEAD)
    file.write(file.read().model_copy(update={"log": (entry(ticket="OPS-1"),)}))
    file = MetadataFile(file.path, HERE)

    file.write(file.read().model_copy(update={"log": (*file.read().log, entry())}))

    assert [{"ticket": "OPS-1"}, {}] == [line.model_extra for line in file.read().log]


def test_a_missing_file_is_made(tmp_path: Path) -> None:
    """A lost file is written with every key."""
    file = MetadataFile(tmp_path / "metadata.yaml", HERE)
    values = {"project_name": "São", "project_version": "1.10", "author": "Ana", "model_uid": "m", "log": (entry(),)}
    metadata = Metadata.model_validate(values)

    file.write(metadata)

    assert metadata == file.read()


def test_what_contradicts_itself_is_not_written(write: Writer) -> None:
    """Copies escape pydantic's checks; the file does not."""
    file = write(HEAD)
    wrong = file.read().model_copy(update={"versions": (version(), version()), "model_uid": 3})

    with pytest.raises(MetadataError) as caught:
        file.write(wrong)

    assert (["model_uid", "versions"], HEAD) == (
        [fault.where for fault in caught.value.faults],
        file.path.read_text(encoding="utf-8"),
    )


def test_an_infinite_class_label_comes_back(write: Writer) -> None:
    """JSON has no infinities, YAML has: it is not written as nothing."""
    file = write(HEAD)
    metadata = file.read().model_copy(update={"versions": (version(classes=(0.5, math.inf)),)})

    file.write(metadata)

    assert metadata == file.read()


def test_an_anchor_that_others_need_is_not_torn_out(write: Writer) -> None:
    """Where another key points into ours, nothing is written."""
    content = HEAD + "model_uid: &id m\ncopy: *id\n"
    file = write(content)

    with pytest.raises(MetadataError):
        file.write(file.read().model_copy(update={"model_uid": "other"}))

    assert content == file.path.read_text(encoding="utf-8")


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=12).filter(str.strip)
LABELS = st.one_of(st.booleans(), st.integers(), st.floats(allow_nan=False), TEXT)
TIMES = st.datetimes(dt.datetime(1990, 1, 1), dt.datetime(2100, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001
    lambda time: time.replace(microsecond=0)
)
VERSIONS = st.builds(
    Version,
    name=NAMES,
    model_id=NAMES,
    revision=NAMES,
    digest=TEXT,
    model_type=TEXT,
    software_specification=TEXT,
    libraries=st.dictionaries(TEXT, TEXT, max_size=3).map(lambda named: dict(sorted(named.items()))),
    fields=st.lists(st.builds(Field, TEXT, TEXT), max_size=3).map(tuple),
    classes=st.lists(LABELS, max_size=3).map(tuple),
    stored_at=TIMES,
)
ENTRIES = st.builds(
    LogEntry,
    when=TIMES,
    action=st.sampled_from(["deploy", "update", "rollback", "revert"]),
    from_version=st.none() | TEXT,
    to_version=st.none() | TEXT,
    why=st.none() | TEXT,
    verification=st.sampled_from(["passed", "failed", "skipped"]),
    who=st.none() | TEXT,
)


@pytest.mark.slow
@settings(deadline=None, max_examples=50)
@given(
    versions=st.lists(
        VERSIONS, max_size=3, unique_by=(lambda one: one.name, lambda one: (one.model_id, one.revision))
    ).map(tuple),
    log=st.lists(ENTRIES, max_size=4).map(tuple),
    uid=st.none() | NAMES,
    cut=st.integers(0, 4),
)
def test_any_metadata_come_back(
    tmp_path_factory: pytest.TempPathFactory,
    versions: tuple[Version, ...],
    log: tuple[LogEntry, ...],
    uid: str | None,
    cut: int,
) -> None:
    """Whatever texts and labels there are, written in one go or bit by bit, they are read as they were."""
    file = MetadataFile(tmp_path_factory.mktemp("project") / "metadata.yaml", HERE)
    begun = Metadata(project_name="a", project_version="1", versions=versions[:cut], log=log[:cut])
    metadata = begun.model_copy(update={"versions": versions, "log": log, "model_uid": uid})

    file.write(begun)
    file.write(metadata)

    assert (metadata, repr(metadata)) == (file.read(), repr(file.read()))
