"""metadata.lock: one state for each space, small, deterministic, and checked whole after a merge by hand."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

from wml_deployer.errors import MetadataError
from wml_deployer.metadata import LogEntry, Metadata, MetadataFile, Pending, Space, Version
from wml_deployer.schema import Field

if TYPE_CHECKING:
    from pathlib import Path

NOON = dt.datetime(2026, 1, 31, 12, tzinfo=dt.timezone.utc)
STAGING, PRODUCTION = Space("https://eu-de.example", "stag"), Space("https://eu-de.example", "prod")


def version(name: str = "v1", **changes: Any) -> Version:
    """Make a version."""
    values: dict[str, Any] = {
        "name": name,
        "model_id": "9d0e5b1c-0000-4000-8000-000000000000",
        "revision": name.removeprefix("v"),
        "digest": "4f0a" * 16,
        "model_type": "scikit-learn_1.6",
        "software_specification": "runtime-25.1-py3.12",
        "libraries": {"numpy": "2.0.2", "pandas": "2.2.3", "python": "3.12", "scikit-learn": "1.6.1"},
        "fields": (Field("age", "int64"),),
        "classes": ("no", "yes"),
        "stored_at": NOON,
    }
    return Version(**{**values, **changes})


def entry(to: str = "v1", **changes: Any) -> LogEntry:
    """Make an entry of the log for a version."""
    served = version(to)
    ids = {"model_id": served.model_id, "revision": served.revision, "digest": served.digest}
    return LogEntry(**{"when": NOON, "action": "update", "to_version": to, "verification": "passed", **ids, **changes})


def begun(folder: Path, space: Space | None = STAGING) -> MetadataFile:
    """Write the user's two lines."""
    path = folder / "metadata.yaml"
    if not path.exists():
        path.write_text("project_name: churn\nproject_version: v1\n", encoding="utf-8")
    return MetadataFile(path, space)


def fill(file: MetadataFile, **changes: Any) -> None:
    """Write something into the file."""
    file.write(file.read().model_copy(update=changes))


def test_a_schema_stands_in_it_once(tmp_path: Path) -> None:
    """Three hundred columns and ten versions are small enough to be reviewed."""
    file = begun(tmp_path)
    fields = tuple(Field(f"mean of column {number}", "float64") for number in range(300))
    versions = tuple(version(f"v{number}", fields=fields, metrics={"f1": 0.93}) for number in range(1, 11))
    log = tuple(entry(one.name, who="ana", why="retrained on the newest month") for one in versions)
    fill(file, versions=versions, log=log, model_uid=versions[0].model_id, deployment_uid=versions[0].model_id)

    assert versions == begun(tmp_path).read().versions
    assert file.lock_path.stat().st_size <= 30_000


def test_spaces_do_not_mix(tmp_path: Path) -> None:
    """Each has ids, versions and log of its own; metadata.yaml has the ids that were written last."""
    staging, production = begun(tmp_path), begun(tmp_path, PRODUCTION)
    fill(staging, versions=(version(),), log=(entry(),), model_uid="m-staging", deployment_uid="d-staging")
    fill(production, versions=(version("v2"),), log=(entry("v2"),), model_uid="m-prod", deployment_uid="d-prod")
    text = staging.path.read_text(encoding="utf-8")

    found = [
        (one.model_uid, one.deployment_uid, [v.name for v in one.versions], [e.to_version for e in one.log])
        for one in (staging.read(), production.read())
    ]
    assert [("m-staging", "d-staging", ["v1"], ["v1"]), ("m-prod", "d-prod", ["v2"], ["v2"])] == found
    assert "project_name: churn\nproject_version: v1\nmodel_uid: m-prod\ndeployment_uid: d-prod\n" == text
    assert ({"v2": version().digest}, {"v1": version().digest}) == (staging.elsewhere(), production.elsewhere())


def test_the_order_of_the_spaces_is_fixed(tmp_path: Path) -> None:
    """Whichever was written first, the bytes are the same."""
    contents = []
    for number, order in enumerate([(STAGING, PRODUCTION), (PRODUCTION, STAGING)]):
        folder = tmp_path / str(number)
        folder.mkdir()
        for space in order:
            fill(begun(folder, space), log=(entry(),))
        contents.append((folder / "metadata.lock").read_bytes())

    assert contents[0] == contents[1]


def test_an_id_that_nobody_wrote_here_counts(tmp_path: Path) -> None:
    """Another script may have deployed the project anew."""
    file = begun(tmp_path)
    fill(file, log=(entry(),), deployment_uid="d-1")
    file.path.write_text(file.path.read_text(encoding="utf-8").replace("d-1", "d-2"), encoding="utf-8")

    assert "d-2" == file.read().deployment_uid


def test_metadata_yaml_may_be_written_anew(tmp_path: Path) -> None:
    """A notebook that writes it in its first cell loses nothing."""
    file = begun(tmp_path)
    fill(file, versions=(version(),), log=(entry(),), model_uid="m", deployment_uid="d")
    before = file.read()
    file.path.write_text("project_name: churn\nproject_version: v1\n", encoding="utf-8")

    assert before == file.read()


def test_a_lost_metadata_yaml_is_read_as_it_was(tmp_path: Path) -> None:
    """What metadata.lock has is still there."""
    file = begun(tmp_path)
    fill(file, log=(entry(),))
    file.path.unlink()

    assert (entry(),) == file.read(lost=Metadata(project_name="churn", project_version="v1")).log


def test_names_that_a_sample_gave_are_told_from_a_model_s_own(tmp_path: Path) -> None:
    """A model that was fitted on a bare array takes no names."""
    fill(begun(tmp_path), versions=(version(named=False), version("v2")))

    assert [False, True] == [one.schema.named for one in begun(tmp_path).read().versions]


def test_names_of_retired_versions_come_back(tmp_path: Path) -> None:
    """As they are written, in their order; other spaces see them as well."""
    staging, production = begun(tmp_path), begun(tmp_path, PRODUCTION)
    fill(staging, retired={"1.10": "sha256:a", "1.9": "sha256:b"})
    fill(production, log=(entry(),))

    assert [("1.10", "sha256:a"), ("1.9", "sha256:b")] == [*begun(tmp_path).read().retired.items()]
    assert staging.read().retired == production.elsewhere()


def test_a_pending_change_comes_back(tmp_path: Path) -> None:
    """A call after a crash reads what was meant."""
    file = begun(tmp_path)
    change = Pending(action="rollback", model_id="m", revision="2")
    fill(file, pending=change)

    assert change == begun(tmp_path).read().pending
    fill(file, pending=None)
    assert "pending" not in file.lock_path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("space", "expected"),
    [
        (Space("https://eu-de.example", "stag"), "staging"),
        (Space("https://eu-de.example", None, "churn-staging"), "staging"),
        (Space("https://eu-de.example", None, "churn-other"), None),
        (Space("https://eu-de.example", "other"), None),
        (Space("local"), None),
    ],
)
def test_a_space_is_found_before_the_service_is_asked(tmp_path: Path, space: Space, expected: str | None) -> None:
    """Its id or its name is enough."""
    fill(begun(tmp_path, STAGING._replace(name="churn-staging")), log=(entry(why="staging"),))
    fill(begun(tmp_path, PRODUCTION._replace(name="churn-production")), log=(entry(why="production"),))

    assert ([expected] if expected else []) == [line.why for line in begun(tmp_path, space).read().log]


def test_where_several_spaces_may_be_meant_the_service_is_asked(tmp_path: Path) -> None:
    """Nothing is guessed."""
    fill(begun(tmp_path), log=(entry(why="staging"),))
    fill(begun(tmp_path, PRODUCTION), log=(entry(why="production"),))
    file = MetadataFile(tmp_path / "metadata.yaml", Space("https://eu-de.example"), ask=lambda: PRODUCTION)

    assert ["production"] == [line.why for line in file.read().log]
    with pytest.raises(MetadataError, match=r"several spaces: prod on .*, stag on"):
        begun(tmp_path, None).read()


def test_a_space_that_is_not_known_is_not_written(tmp_path: Path) -> None:
    """Nobody could find it again."""
    with pytest.raises(MetadataError, match="is not known yet"):
        fill(begun(tmp_path, Space("local")), log=(entry(),))


# After a merge by hand

VERSION = """\
  - {name: v1, model_id: m, revision: '1', digest: d, model_type: t, software_specification: s,
     stored_at: 2026-01-31T12:00:00Z}
"""
SPACES = "format: 1\nspaces:\n- service: local\n  space: '1'\n"
MERGED = {
    "<<<<<<< HEAD\nformat: 1\n=======\nformat: 2\n>>>>>>> other\n": ["line 1", "line 3", "line 5"],
    "format: 7\n": ["line 1, format"],
    "spaces: []\n": ["line 1, format"],
    "format: 1\nspace: []\n": ["line 2, space"],
    "format: 1\nschemas:\n  a: 3\nspaces: 3\n": ["line 3, schemas.a"],
    "format: 1\nschemas:\n  a:\n    fields:\n    - [age, int64]\n    - age\n": ["line 6, schemas.a.fields[1]"],
    "format: 1\nspaces:\n- service: local\n": ["line 3, spaces[0].space"],
    "format: 1\nspaces:\n- 3\n": ["line 3, spaces[0]"],
    SPACES + "- service: local\n  space: '1'\n": ["line 5, spaces[1]"],
    SPACES + "  versions:\n" + VERSION + VERSION: ["line 8, spaces[0].versions[1]", "line 8, spaces[0].versions[1]"],
    SPACES + "  versions:\n" + VERSION + VERSION.replace("name: v1", "name: v2"): ["line 8, spaces[0].versions[1]"],
    SPACES + "  versions:\n" + VERSION.replace("name: v1", "schema: a"): [
        "line 6, spaces[0].versions[0].schema",
        "line 6, spaces[0].versions[0].name",
    ],
    SPACES + "  versions: 3\n  log: 4\n": ["line 5, spaces[0].versions", "line 6, spaces[0].log"],
    SPACES + "  log:\n  - action: promote\n    verification: passed\n    when: 2026-01-31\n": [
        "line 8, spaces[0].log[0].when",
        "line 6, spaces[0].log[0].action",
    ],
    SPACES + "  pending: {action: rollback}\n": [
        "line 5, spaces[0].pending.model_id",
        "line 5, spaces[0].pending.revision",
    ],
}


@pytest.mark.parametrize("content", MERGED)
def test_each_fault_is_told_with_its_line(tmp_path: Path, content: str) -> None:
    """And what to do about it."""
    file = begun(tmp_path)
    file.lock_path.write_text(content, encoding="utf-8")
    with pytest.raises(MetadataError, match=r"metadata\.lock is malformed(.|\n)*recover\(\)") as caught:
        file.read()

    assert MERGED[content] == [fault.where for fault in caught.value.faults]


@pytest.mark.parametrize("content", ["format: 1\n  space: [\n", "\xff\xfe", "- a\n", ""])
def test_what_is_no_yaml_is_told_so(tmp_path: Path, content: str) -> None:
    """The file is named."""
    file = begun(tmp_path)
    file.lock_path.write_bytes(content.encode("latin-1"))

    with pytest.raises(MetadataError, match=r"metadata\.lock cannot be read"):
        file.read()


def test_a_malformed_file_is_found_before_anything_is_sent(tmp_path: Path) -> None:
    """A call that changes something looks first."""
    file = begun(tmp_path)
    file.lock_path.write_text("format: 7\n", encoding="utf-8")

    with pytest.raises(MetadataError, match="malformed"):
        file.refuse_unwritable()
