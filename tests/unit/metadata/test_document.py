"""Editing metadata.yaml: every byte that is not the library's own survives, whatever stands around its keys."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from wml_deployer.errors import MetadataError
from wml_deployer.metadata import Metadata, MetadataFile, Space

if TYPE_CHECKING:
    from pathlib import Path

OWNED: dict[str, Any] = {"model_uid": "id #1", "deployment_uid": "2"}
"""What is written, as ``yaml.safe_load`` sees it."""
METADATA = Metadata(project_name="a", project_version="1", **OWNED)


def edited(folder: Path, content: bytes, metadata: Metadata = METADATA) -> bytes:
    """Return what metadata.yaml holds after a write."""
    file = MetadataFile(folder / "metadata.yaml", Space("local", "3fa2"))
    file.path.write_bytes(content)
    file.write(metadata)
    return file.path.read_bytes()


# Pieces of a file. What is not the library's is marked, and the test looks for it afterwards; it has a number in it, so
# that nothing can be mistaken for it.

WORDS = st.text(st.characters(categories=["L", "N", "P", "S", "Zs"], exclude_characters="\ufeff"), max_size=15)
MARK = "\0"


def foreign(text: str) -> str:
    """A stretch that must survive."""
    return f"{MARK}{text}{MARK}"


def as_value(style: str, words: str, number: int) -> str:
    """The value of a foreign key, in one of YAML's styles."""
    safe = "".join(letter for letter in words if letter.isalnum()) or "x"
    return {
        "plain": f"a{safe}",
        "single": "'" + words.replace("'", "''") + "'",
        "double": json.dumps(words, ensure_ascii=False),
        "literal": f"|\n  {safe}\n\n  model_uid: {number}",
        "folded": f">-\n  {safe}\n  log:",
        "kept": f"|+\n  {safe}\n\n",
        "nested": f"\n  log: {safe}\n  versions:\n  - {number}  # {safe}",
        "list": f"\n- log: {safe}\n-   - {number}",
        "flow": f"{{log: [{number}, {safe}],\n  model_uid: '{safe}'}}",
        "lines": f"a{safe}\n  versions{number}\n  b",
        "null": "",
        "anchored": f"&a{number} {safe}\nalias{number}: *a{number}",
        "tagged": f"!!str {number}",
    }[style]


STYLES = [
    "plain",
    "single",
    "double",
    "literal",
    "folded",
    "kept",
    "nested",
    "list",
    "flow",
    "lines",
    "null",
    "anchored",
    "tagged",
]
COMMENTS = st.tuples(st.just("comment"), WORDS)
KEYS = st.tuples(st.sampled_from(STYLES), WORDS)

# The library's keys as they may stand in a file already: {0} is the key, {1} a foreign comment.
SCALAR_FORMS = [
    "{0}: old{1}\n",
    '{0}:   "o # ld"{1}\n',
    "{0}: 'o''ld'\n",
    "{0}:{1}\n",
    "{0}: ~{1}\n",
    "{0}:\n  old{1}\n",
    '"{0}" : old{1}\n',
    "{0}: >-\n  old\n  text\n",
    "{0}: |\n  old\n\n",
    "{0}: [old,\n  older]{1}\n",
    "{0}: old\n  text{1}\n",
    "{0}: id #1{1}\n",
    "{0}:{1}\n{1}\n",
]
PRESENT = st.fixed_dictionaries(
    {},
    optional={
        "model_uid": st.sampled_from(SCALAR_FORMS),
        "deployment_uid": st.sampled_from(SCALAR_FORMS),
    },
)


@st.composite
def files(draw: st.DrawFn) -> str:
    """A metadata.yaml with marks around what must survive."""
    pieces = draw(st.lists(st.one_of(COMMENTS, KEYS, PRESENT), max_size=8))
    lines, present = [foreign("project_name: a\nproject_version: 1.10\n")], set[str]()
    for number, piece in enumerate(pieces):
        if isinstance(piece, dict):
            new = {key: form for key, form in piece.items() if key not in present}
            present |= new.keys()
            lines += [form.format(key, foreign(f"  # {number}{key}")) for key, form in new.items()]
        elif piece[0] == "comment":
            lines.append(foreign(f"\n# {number} {piece[1]}\n"))
        else:
            lines.append(foreign(f"key{number}: {as_value(piece[0], piece[1], number)}\n"))
    text = draw(st.sampled_from(["", foreign("# top\n---\n"), foreign("\n\n")])) + "".join(lines)
    return text + draw(
        st.sampled_from(["", foreign("# last line"), foreign("...\n# after\n"), foreign("\n# end\n \n")])
    )


@pytest.mark.slow
@settings(deadline=None, max_examples=150)
@given(
    marked=files(), newline=st.sampled_from(["\n", "\r\n"]), mark=st.sampled_from(["", "\ufeff"]), is_cut=st.booleans()
)
def test_every_foreign_byte_survives(
    tmp_path_factory: pytest.TempPathFactory, marked: str, newline: str, mark: str, is_cut: bool
) -> None:
    """What is not the library's comes back byte for byte and in order; what is between is the library's alone."""
    marked = re.sub("\n(\0?)$", r"\1", marked) if is_cut else marked
    marked = marked.replace("\n", newline)
    content = mark + marked.replace(MARK, "")

    result = edited(tmp_path_factory.mktemp("project"), content.encode()).decode()

    remainder, place = "", 0
    for stretch in [mark, *marked.split(MARK)[1::2]]:
        found = result.index(stretch, place)
        remainder, place = remainder + result[place:found] + newline * bool(stretch), found + len(stretch)
    assert OWNED == yaml.safe_load(remainder + result[place:])
    before, after = (yaml.safe_load(text) for text in (content, result))
    assert {**{key: value for key, value in before.items() if key not in OWNED}, **OWNED} == after
    assert (result.count("\n"), 0) == (result.count(newline), result.replace("\r\n", "").count("\r"))


# Single cases, for the eye


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("model_uid: old # c\n", "model_uid: new # c\n"),
        ("model_uid: 'old'# c\n", "model_uid: new # c\n"),
        ("model_uid:\n", "model_uid: new\n"),
        ("model_uid: # c\n", "model_uid: new # c\n"),
        ("model_uid:   'old'   # c\nz: 1", "model_uid:   new   # c\nz: 1"),
        ('"model_uid": old', '"model_uid": new'),
        ("model_uid:\n  old\nz: 1\n", "model_uid: new\nz: 1\n"),
        ("model_uid: # c\n  old\nz: 1\n", "model_uid: new # c\nz: 1\n"),
        ("# c", "# c\nmodel_uid: new\n"),
        ("z: |\n  text", "model_uid: new\nz: |\n  text"),
        ("z: |+\n  text\n\n", "z: |+\n  text\n\nmodel_uid: new\n"),
        ("z: 1\n...\n# c\n", "z: 1\nmodel_uid: new\n...\n# c\n"),
        ("z: 1\n   ", "z: 1\n   \nmodel_uid: new\n"),
    ],
)
def test_a_text_is_replaced_in_place_or_appended(tmp_path: Path, before: str, after: str) -> None:
    """An id takes the place of the old value; a missing key goes to the end."""
    head = "project_name: a\nproject_version: 1\n"
    metadata = Metadata(project_name="a", project_version="1", model_uid="new")

    assert head + after == edited(tmp_path, (head + before).encode(), metadata).decode()


def test_indented_mapping_keeps_its_depth(tmp_path: Path) -> None:
    """Where all keys are indented, new ones are, too."""
    metadata = Metadata(project_name="a", project_version="1", model_uid="new")

    assert (
        edited(tmp_path, b"  project_name: a\n  project_version: 1\n", metadata)
        .decode()
        .endswith("\n  model_uid: new\n")
    )


@pytest.mark.parametrize("content", ["model_uid: &x old\nz: *x\n", "? model_uid # a:b\n: old\n"])
def test_what_cannot_be_edited_safely_is_left_alone(tmp_path: Path, content: str) -> None:
    """Oddly written keys of ours are not edited at the cost of others."""
    text = f"project_name: a\nproject_version: 1\n{content}"

    with pytest.raises(MetadataError):
        edited(tmp_path, text.encode())

    assert text == (tmp_path / "metadata.yaml").read_text(encoding="utf-8")
