"""Requirements are read from a list, from a file, or from what is installed."""

from __future__ import annotations

import json
from importlib import metadata
from typing import TYPE_CHECKING, Any

import pytest

from wml_deployer._environment import requirements
from wml_deployer._environment.requirements import pins_of, read_requirements
from wml_deployer.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def test_a_list_is_ordered_by_name() -> None:
    """The order in which requirements are given makes no other environment."""
    given = ["pandas>=2", "LightGBM == 4.6.0", "attrs"]

    assert ("attrs", "LightGBM==4.6.0", "pandas>=2") == read_requirements(given, ())


def test_a_file_is_read_as_pip_reads_it(tmp_path: Path) -> None:
    """Comments, empty lines and continued lines."""
    path = tmp_path / "requirements.txt"
    path.write_text("# the model\nlightgbm==4.6.0  # trees\n\nattrs \\\n  >=23\n", encoding="utf-8")

    assert ("attrs>=23", "lightgbm==4.6.0") == read_requirements(path, ())


def test_markers_and_extras_stay() -> None:
    """They are for pip."""
    assert ('dask[array]>=2024; python_version < "3.13"',) == read_requirements(
        ["dask[array]>=2024; python_version<'3.13'"], ()
    )


@pytest.mark.parametrize(
    ("given", "where", "expected"),
    [
        (["lightgbm=4.6.0"], "requirement 1", "a name, and a version"),
        (["attrs", ""], "requirement 2", "a name, and a version"),
        (["--index-url https://example.com"], "requirement 1", "options of pip are not taken"),
    ],
)
def test_what_is_no_requirement_is_named(given: Sequence[str], where: str, expected: str) -> None:
    """Every line that pip would refuse, before anything is sent."""
    with pytest.raises(ModelError, match="The requirements cannot be used") as caught:
        read_requirements(given, ())
    (fault,) = caught.value.faults

    assert (where, True) == (fault.where, expected in str(fault.expected))


def test_a_line_of_a_file_is_named_by_its_number(tmp_path: Path) -> None:
    """Editors jump to it."""
    path = tmp_path / "requirements.txt"
    path.write_text("attrs\n-r other.txt\n", encoding="utf-8")

    with pytest.raises(ModelError, match=str(path)) as caught:
        read_requirements(path, ())

    assert ["line 2"] == [fault.where for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("given", "words"), [("requirements.txt", "path of a requirements file"), ("lightgbm==4.6.0", "Give a list")]
)
def test_a_file_that_is_not_there_is_refused(given: str, words: str) -> None:
    """A requirement in place of a list of them is recognised."""
    with pytest.raises(ModelError, match="cannot be read") as caught:
        read_requirements(given, ())

    assert words in str(caught.value.next_step)


def test_auto_pins_what_is_imported() -> None:
    """At the versions of this process; the standard library needs nothing."""
    pinned = read_requirements("auto", {"sklearn", "numpy", "json", "__main__"})

    assert (f"numpy=={metadata.version('numpy')}", f"scikit-learn=={metadata.version('scikit-learn')}") == pinned


class Installed:
    """A distribution that was installed from somewhere."""

    version = "1.2+cpu"

    def __init__(self, origin: dict[str, Any] | None) -> None:
        """Keep where it is from."""
        self.metadata = {"Name": "shop"}
        self._origin = origin

    def read_text(self, _: str) -> str | None:
        """Return what pip wrote down."""
        return None if self._origin is None else json.dumps(self._origin)


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        (None, ("shop==1.2",)),
        (
            {"url": "https://x.test/r", "vcs_info": {"vcs": "git", "commit_id": "4f"}},
            ("shop @ git+https://x.test/r@4f",),
        ),
        ({"url": "file:///home/ana/shop", "dir_info": {"editable": True}}, ()),
        ({"url": "file:///home/ana/shop", "dir_info": {}}, ()),
    ],
)
def test_a_pin_names_where_the_package_is(
    origin: dict[str, Any] | None, expected: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No index has what is installed from a folder, and a build for one processor is a release like any other."""
    monkeypatch.setattr(requirements, "distributions_of_modules", lambda: {"shop": ("shop",)})
    monkeypatch.setattr(metadata, "distribution", lambda _: Installed(origin))

    assert expected == pins_of({"shop"})
