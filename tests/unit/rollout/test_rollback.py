"""Histories, and the version that a rollback of each serves."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from wml_deployer._rollout.rollback import find_version, live_version, missed_change, rollback_target
from wml_deployer.errors import ConflictError, VersionError
from wml_deployer.metadata import LogEntry, Metadata, Version

NOON = datetime(2026, 1, 31, 12, tzinfo=timezone.utc)
ACTIONS = {"<": "rollback", "=": "revert", "!": "update", "?": "update", "x": "delete"}
VERIFICATIONS = {"!": "failed", "=": "skipped", "?": "skipped", "x": "skipped"}


def version(letter: str, **changes: Any) -> Version:
    """Make a version whose revision is the place of a letter in the alphabet."""
    facts = {
        "model_id": "9d0e",
        "revision": str(ord(letter) - ord("A") + 1),
        "digest": f"sha256:{letter}",
        "model_type": "scikit-learn_1.6",
        "software_specification": "runtime-25.1-py3.12",
        "stored_at": NOON,
    }
    return Version(**{"name": letter, **facts, **changes})


def entry(token: str, second: int, *, with_ids: bool = True) -> LogEntry:
    """Make the entry of a token.

    ``A``, ``?A`` and ``!A`` are an update to A that passed, was not verified, or failed; ``=A`` is a revert, ``<A`` a
    rollback, ``x`` a deletion.
    """
    mark, name = (token[0], token[1:]) if token[0] in ACTIONS else ("", token)
    made = version(name) if name else None
    ids = {"model_id": made.model_id, "revision": made.revision, "digest": made.digest} if made and with_ids else {}
    return LogEntry(
        when=NOON + timedelta(seconds=second),
        action=ACTIONS.get(mark, "update"),
        to_version=name or None,
        verification=VERIFICATIONS.get(mark, "passed"),
        **ids,
    )


def project(history: str, stored: str | None = None, *, with_ids: bool = True, **rest: Any) -> Metadata:
    """Make a project with a history; every version of it is stored unless told otherwise."""
    tokens = history.split()
    names = dict.fromkeys(stored.split() if stored is not None else [token.strip("<=!?") for token in tokens])
    return Metadata(
        project_name="churn",
        project_version="A",
        model_uid="9d0e",
        versions=tuple(version(name) for name in names if name not in {"", "x"}),
        log=tuple(entry(token, second, with_ids=with_ids) for second, token in enumerate(tokens)),
        **rest,
    )


def target(metadata: Metadata, to: str | None = None, serving: str | None = None) -> str:
    """Return the name of what a rollback serves."""
    served = metadata.version(serving) if serving else live_version(metadata)
    stored = {(each.model_id, each.revision) for each in metadata.versions}
    return rollback_target(metadata, served, to, lambda *asset: asset not in stored).name


TARGETS = {
    "A B": "A",
    "A B C": "B",
    "A B C <B": "A",
    "A B C <B <A B": "A",
    "A B C <A C": "A",
    "A B C <B D": "B",
    "A B C <B D <B": "A",
    # An update to a version that was live before is a new step.
    "A B A": "B",
    "A B C B": "C",
    "A B C B <C": "B",
    "A B C B <C <B": "A",
    # A failed update never counts, and neither does its revert.
    "A B C B !D =B": "C",
    "A B !C =B": "A",
    "A !B =A C": "A",
    "A B !C =B !D =B": "A",
    "A B <A !B =A C": "A",
    # What was not verified counts as passed.
    "A ?B C": "B",
    # A rollback to what was never live is a step like an update.
    "A B <C": "B",
    # The same version once more is no step.
    "A B B": "A",
    # What was live before a deletion can be gone back to.
    "A B x C": "B",
    "A B x B": "A",
    # A failed rollback.
    "A B C !B =C": "B",
}


@pytest.mark.parametrize("history", TARGETS)
@pytest.mark.parametrize("with_ids", [True, False], ids=["with ids", "written by hand"])
def test_target(history: str, with_ids: bool) -> None:
    """A rollback serves the last different version that was live and passed before the present one."""
    assert TARGETS[history] == target(project(history, with_ids=with_ids))


@pytest.mark.parametrize("history", ["", "A", "A A", "A !B =A", "A B <A", "A B <A !B =A", "A x A", "!A"])
def test_nothing_to_roll_back_to(history: str) -> None:
    """Where nothing earlier was live and passed, it is refused."""
    with pytest.raises(VersionError, match="no earlier version"):
        target(project(history))


@pytest.mark.parametrize(
    ("history", "stored", "expected"), [("A B C", "A C", "A"), ("A B C B", "A B", "A"), ("A B A C", "B C", "B")]
)
def test_what_is_no_longer_stored_is_passed_over(history: str, stored: str, expected: str) -> None:
    """A pruned version is gone, whatever was named like it since."""
    assert expected == target(project(history, stored))


def test_what_another_machine_removed_is_passed_over() -> None:
    """This machine's metadata.lock lists it still."""
    metadata = project("A B C")

    assert "A" == rollback_target(metadata, live_version(metadata), None, lambda _, revision: revision == "2").name


def test_a_name_that_other_content_has_now_means_nothing() -> None:
    """Ids say what was live."""
    metadata = project("A B", "B").model_copy(update={"versions": (version("A", revision="9"), version("B"))})

    with pytest.raises(VersionError, match="no earlier version"):
        target(metadata)


def test_what_is_there_and_not_known_is_a_conflict() -> None:
    """The file is not the newest: another version would be the wrong one."""
    metadata = project("A B C", "A C")

    with pytest.raises(ConflictError, match=r"revision 2 of model 9d0e(.|\n)*recover\(\)"):
        rollback_target(metadata, live_version(metadata), None, lambda *_: False)


@pytest.mark.parametrize("to", ["A", "1", "sha256:A"], ids=["name", "revision", "digest"])
def test_named(to: str) -> None:
    """A name, a revision or a digest names a version."""
    assert "A" == target(project("A B C"), to)


def test_a_name_comes_before_a_revision() -> None:
    """A version may be called as another one's revision is."""
    metadata = project("A B").model_copy(update={"versions": (version("A", name="2"), version("B"))})

    assert "1" == find_version(metadata, "2").revision


@pytest.mark.parametrize("to", ["B", "2", "sha256:B"])
def test_what_is_live_is_refused(to: str) -> None:
    """There is nothing to do, and the caller meant something else."""
    with pytest.raises(VersionError, match="B is live already"):
        target(project("A B"), to)


@pytest.mark.parametrize(
    ("history", "pending", "serving", "to", "expected"),
    [
        ("A B C", "rollback 9d0e 2", "C", None, "B"),
        ("A B C", "rollback 9d0e 2", "B", None, "B"),
        ("A B C <B", "rollback 9d0e 2", "B", None, "B"),
        ("A B C", "rollback 9d0e 1", "A", None, "A"),
        ("A B C <B", "rollback 9d0e 2", "B", "B", "B"),
        ("A B C", "rollback 9d0e 1", "A", "B", "B"),
        ("A B C", "update 9d0e 2", "B", None, "C"),
        ("A B C", "update 9d0e 2", "C", None, "B"),
        ("A B C B", "update 9d0e 2", "B", None, "C"),
    ],
)
def test_interrupted(history: str, pending: str, serving: str, to: str | None, expected: str) -> None:
    """An interrupted rollback is finished; an interrupted update was never the present version."""
    change = dict(zip(("action", "model_id", "revision"), pending.split(), strict=True))

    assert expected == target(project(history, pending=change), to, serving)


@pytest.mark.parametrize(
    ("history", "serving", "expected"),
    [("A B", "B", None), ("A B", "A", "rollback"), ("A B", "C", "update"), ("", "C", "deploy"), ("A x", "C", "deploy")],
)
def test_missed_change(history: str, serving: str, expected: str | None) -> None:
    """What serves tells what the log lacks."""
    assert expected == missed_change(project(history), version(serving))


@pytest.mark.parametrize(("history", "expected"), [("", None), ("A B", "B"), ("A B !C =B", "B"), ("A x", None)])
def test_live(history: str, expected: str | None) -> None:
    """Nothing is live before the first deployment and after a deletion."""
    live = live_version(project(history))

    assert expected == (live.name if live else None)
