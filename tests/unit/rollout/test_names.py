"""Names of versions: given once, counted up, refused before anything is sent."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from wml_deployer._rollout.names import TakenNames, check_name, check_reason, next_name
from wml_deployer.errors import MetadataError, ModelError, VersionError
from wml_deployer.metadata import LogEntry, Metadata

NEXT = [
    ("v0.1", "", "v0.1"),
    ("v0.1", "v0.2", "v0.1"),
    ("v0.1", "v0.1", "v0.2"),
    ("v0.1", "v0.1 v0.2 v0.3", "v0.4"),
    ("v0.1", "v0.1 v0.9", "v0.10"),
    ("v0.1", "v0.1 v1.0", "v1.1"),
    ("v0.1", "v0.1 challenger v7", "v0.2"),
    ("v1", "v1 v2 v10", "v11"),
    ("1.10", "1.10", "1.11"),
    ("2026-09", "2026-09", "2026-10"),
    ("v1.0-rc", "v1.0-rc", "v1.1-rc"),
    ("baseline", "baseline", "baseline-2"),
    ("baseline", "baseline baseline-2", "baseline-3"),
]


@pytest.mark.parametrize(("begin", "taken", "expected"), NEXT)
def test_next_name(begin: str, taken: str, expected: str) -> None:
    """The highest name of the same form is counted up."""
    assert expected == next_name(begin, taken.split())


def entry(name: str, digest: str | None) -> LogEntry:
    """Make an entry of the log for a version."""
    when = datetime(2026, 1, 31, tzinfo=timezone.utc)
    return LogEntry(
        when=when, action="update", from_version="v0", to_version=name, digest=digest, verification="passed"
    )


@pytest.mark.parametrize("where", ["the log here", "the log on the deployment", "a revision", "retired"])
def test_a_name_is_given_once(where: str) -> None:
    """Whatever became of the version that had it."""
    log = (entry("v1", "sha256:a"),)
    all_facts: dict[str, Any] = {"the log here": {"log": log}, "retired": {"retired": {"v1": "sha256:a"}}}
    facts = all_facts.get(where, {})
    metadata = Metadata(project_name="churn", project_version="v1", **facts)
    logged = log if where == "the log on the deployment" else ()
    names = TakenNames(metadata, logged, [("v1", "sha256:a")] if where == "a revision" else [])

    assert ("v2", False, True) == (
        names.next("v1", "sha256:b", {}),
        names.is_free("v1", "sha256:b"),
        names.is_free("v1", "sha256:a"),
    )


def test_the_same_content_has_the_name_of_another_space() -> None:
    """Other content counts on from it."""
    elsewhere = {"v7": "sha256:a"}
    names = TakenNames(Metadata(project_name="churn", project_version="v1"), (), elsewhere.items())

    assert ("v7", "v1") == (names.next("v1", "sha256:a", elsewhere), names.next("v1", "sha256:b", elsewhere))
    assert "v8" == names.next("v7", "sha256:b", elsewhere)


def test_an_entry_without_a_digest_takes_its_name() -> None:
    """Nobody knows which content it was."""
    names = TakenNames(Metadata(project_name="a", project_version="v1", log=(entry("v1", None),)), (), ())

    with pytest.raises(VersionError, match=r"'v1' is or was another content(.|\n)*'v2'"):
        names.check("v1", "sha256:a")


@pytest.mark.parametrize("name", ["", " ", "v\n1", "v\x1b[31m", "v\ud800", "v\u2028"])
def test_bad_names(name: str) -> None:
    """What cannot be written or shown is refused."""
    with pytest.raises(ModelError, match="The name of the version"):
        check_name(name)


@pytest.mark.parametrize("reason", ["\ud800", "a\x00", "\x1b]0;title\x07", "\x85"])
def test_bad_reasons(reason: str) -> None:
    """What cannot be written or shown is refused."""
    with pytest.raises(MetadataError, match="The reason"):
        check_reason(reason)


@pytest.mark.parametrize("reason", [None, "", "two\nlines,\ttabbed", "Conceição 🙂", "v\u00a01"])
def test_good_reasons(reason: str | None) -> None:
    """Line breaks and every letter are fine."""
    check_reason(reason)
