"""Typed records of a project: its stored versions, each change of what was live, and where that is."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, AliasChoices, AwareDatetime, BeforeValidator, ConfigDict, PlainValidator
from pydantic import Field as Key

from wml_deployer._strict import StrictModel, kind_of
from wml_deployer.credentials._checks import invalid
from wml_deployer.errors import MetadataError
from wml_deployer.schema import ClassLabel, Field, Schema

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "LogEntry",
    "Metadata",
    "Origin",
    "Pending",
    "Route",
    "ServingOptions",
    "SpaceState",
    "Version",
    "name_fault",
    "unwritable",
]

Route = Literal["native", "derived", "function"]
"""How a model goes live: as one of the service's model types, the same on a software specification of the caller's own
packages, or as a Python function that carries it.
"""


LONGEST_SHOWN = 60
"""Characters of a list or mapping that are still shown where a record is."""


def unwritable(text: str, *, lines: bool = False) -> str | None:
    r"""Say what keeps a text from being written to a file and shown in a terminal, or ``None``.

    Args:
        text: A name or a reason.
        lines: Whether line breaks and tabs are allowed.

    Example:
        >>> unwritable("v0.1"), unwritable("v0.1\x1b[31m")
        (None, "the control character '\\x1b'")

    """
    for character in text:
        category = unicodedata.category(character)
        if category == "Cs":
            return f"the lone surrogate {character!r}"
        if category in {"Cc", "Zl", "Zp"} and not (lines and character in "\n\r\t"):
            return f"the control character {character!r}"
    return None


def name_fault(name: str) -> str | None:
    """Say what is wrong with a name, which is a text on one line, or ``None``.

    Example:
        >>> name_fault("v0.1"), name_fault(" ")
        (None, 'is blank')

    """
    problem = unwritable(name)
    if problem:
        return f"has {problem}"
    return None if name.strip() else "is blank"


def _non_empty(text: str) -> str:
    """Take a text that is not empty."""
    if not text.strip():
        raise invalid("empty", "a text")
    return text


def _named(text: str) -> str:
    """Take a name: a text on one line."""
    problem = unwritable(_non_empty(text))
    if problem:
        raise invalid(f"has {problem}", "a text on one line")
    return text


def _label(value: Any) -> ClassLabel:
    """Take a class label as JSON carries it, and make numpy's kind of it Python's."""
    kinds: tuple[type[ClassLabel], ...] = (bool, int, float, str)
    for kind in kinds:
        if isinstance(value, kind):
            return kind(value)
    raise invalid(f"is {kind_of(value)}", "a text, a number, true or false")


def _no_number(value: Any) -> Any:
    """Refuse what would be taken for seconds since 1970."""
    if isinstance(value, (int, float)) or (isinstance(value, str) and "-" not in value[1:]):
        raise invalid("is not a time", "such as 2026-01-31T12:00:00Z")
    return value


def _to_the_second(moment: datetime) -> datetime:
    """A time in UTC, as short as a person reads it."""
    return moment.astimezone(timezone.utc).replace(microsecond=0, fold=0)


_Text = Annotated[str, AfterValidator(_non_empty)]
_Name = Annotated[str, AfterValidator(_named)]
_Label = Annotated[ClassLabel, PlainValidator(_label)]
_Time = Annotated[AwareDatetime, BeforeValidator(_no_number), AfterValidator(_to_the_second)]


class _Record(StrictModel):
    """A part of the two files; keys of a later release of this library are kept."""

    model_config = ConfigDict(extra="allow")
    error = MetadataError

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Leave out what is not set, and count what is long: the whole of a project would be pages."""
        for name, value in super().__repr_args__():
            if isinstance(value, Collection) and len(repr(value)) > LONGEST_SHOWN:
                yield name, value if isinstance(value, str) else _Count(len(value))
            elif value not in (None, (), {}):
                yield name, value


class _Count(int):
    """The length of what is not shown."""

    def __repr__(self) -> str:
        """Stand for it: ``versions=<12>``."""
        return f"<{int(self)}>"


class Origin(_Record):
    """Where a version was taken from: its revision in another deployment space.

    Attributes:
        service: URL of the service; ``"local"`` for the embedded one.
        space: Id of the deployment space there.
        name: Name of that space.
        model_id: Id of the model asset there.
        revision: Its revision.

    Example:
        >>> str(Origin(service="local", space="3fa2", name="churn-staging", model_id="9d0e", revision="2"))
        'churn-staging: revision 2 of model 9d0e'

    """

    service: _Text
    space: _Text
    name: str | None = None
    model_id: _Text
    revision: _Text

    @property
    def place(self) -> str:
        """What people call the space."""
        return self.name or self.space

    def __str__(self) -> str:
        """Say which revision it is."""
        return f"{self.place}: revision {self.revision} of model {self.model_id}"


class Version(_Record):
    """One stored version of the model, frozen in the service as a revision.

    Attributes:
        name: What people call it (``"v0.1"``); unique in the project.
        model_id: Id of the model asset.
        revision: The asset's revision that holds this version.
        digest: Digest of its content.
        model_type: The service's name for the kind of model (``"scikit-learn_1.3"``); of a function that carries one,
            what the model is.
        route: How it goes live.
        software_specification: Name of the software specification that it runs on.
        requirements: What is installed beside the libraries of its runtime.
        code: Digest of the own packages that go along; None where there are none.
        libraries: Library -> version that it was fitted with.
        fields: Its input columns, in order; empty where it was fitted without names.
        classes: Its labels in the order of the answered probabilities; empty where there are none.
        named: Whether the model itself takes named columns; otherwise the names are those of its sample.
        parameters: Parameters of the fit that were set to something else than their default, as text.
        metrics: What the caller measured of it.
        origin: Where it was taken from; None where it was stored as a model.
        stored_at: When it was stored; kept in UTC, to the second.

    Raises:
        MetadataError: A key is missing or of a wrong type; ``faults`` has all of it.

    Example:
        >>> version = Version(
        ...     name="v0.1", model_id="9d0e", revision="1", digest="sha256:4f0a", model_type="scikit-learn_1.3",
        ...     software_specification="runtime-24.1-py3.11", libraries={"scikit-learn": "1.3.2"},
        ...     fields=(Field("age", "int64"),), classes=("died", "survived"), stored_at="2026-01-31T12:00:00Z",
        ... )
        >>> version.schema.classes
        ('died', 'survived')

    """

    name: _Name
    model_id: _Text
    revision: _Text
    digest: str
    model_type: str
    route: Route = "native"
    software_specification: str
    requirements: tuple[str, ...] = ()
    code: str | None = None
    libraries: dict[str, str] = Key(default_factory=dict)
    fields: tuple[Field, ...] = ()
    classes: tuple[_Label, ...] = ()
    named: bool = True
    parameters: dict[str, str] = Key(default_factory=dict)
    metrics: dict[str, float] = Key(default_factory=dict)
    origin: Origin | None = None
    stored_at: _Time

    @property
    def schema(self) -> Schema:  # type: ignore[override]  # pydantic's deprecated method is not missed
        """The input fields and the classes of the version."""
        return Schema(self.fields, self.classes, self.named)


class LogEntry(_Record):
    """One change of what was live.

    Model id, revision and digest say which version was live; its name is for people. They are None after a deletion,
    and in entries that were written by hand.

    Attributes:
        when: When it was over; kept in UTC, to the second.
        action: What was done.
        from_version: Name of the version that was live before; ``from`` in the file, None for the first.
        to_version: Name of the version that was live afterwards; ``to`` in the file, None after a deletion.
        model_id: Id of the model asset that was live afterwards.
        revision: The asset's revision.
        digest: Digest of its content.
        route: The way on which it went live.
        origin: Where the version was taken from; None where it was stored as a model.
        why: The reason that the caller gave.
        verification: Whether the sample's predictions came back right; ``"skipped"`` where there was no sample.
        who: Who did it.

    Raises:
        MetadataError: A key is missing or of a wrong type; ``faults`` has all of it.

    Example:
        >>> LogEntry(when="2026-01-31T12:00:00Z", action="deploy", to_version="v0.1", verification="passed").to_version
        'v0.1'

    """

    when: _Time
    action: Literal["deploy", "update", "rollback", "revert", "delete"]
    from_version: str | None = Key(
        default=None, validation_alias=AliasChoices("from", "from_version"), serialization_alias="from"
    )
    to_version: str | None = Key(
        default=None, validation_alias=AliasChoices("to", "to_version"), serialization_alias="to"
    )
    model_id: str | None = None
    revision: str | None = None
    digest: str | None = None
    route: Route | None = None
    origin: Origin | None = None
    why: str | None = None
    verification: Literal["passed", "failed", "skipped"]
    who: str | None = None


class Pending(_Record):
    """A change of what is live that began, and whose end is not written down.

    Attributes:
        action: What it is called in the log.
        model_id: The model that it serves.
        revision: Its revision.

    Example:
        >>> Pending(action="rollback", model_id="9d0e", revision="2").serves(None)
        False

    """

    action: Literal["deploy", "update", "rollback", "revert", "delete"]
    model_id: _Text
    revision: _Text

    def serves(self, version: Version | None) -> bool:
        """Return whether this is the version that the change serves."""
        return version is not None and (version.model_id, version.revision) == (self.model_id, self.revision)


class ServingOptions(_Record):
    """How a deployment is served, beside the model: what the caller asked for, or what differs from the defaults.

    Attributes:
        serving_name: A name that stands for the deployment's id in its URL.
        description: A text for people.
        tags: Words to search by, without those that this library sets.
        hardware: Name of the hardware specification of each copy (``"S"``).
        copies: How many copies share the requests.

    None leaves what is there as it is, and in metadata.lock stands for the default.

    Raises:
        MetadataError: A key is of a wrong type; ``faults`` has all of it.

    Example:
        >>> ServingOptions(hardware="M", copies=2).model_dump(exclude_none=True)
        {'hardware': 'M', 'copies': 2}

    """

    serving_name: _Text | None = None
    description: str | None = None
    tags: tuple[str, ...] | None = None
    hardware: _Text | None = None
    copies: int | None = None


def _unique(versions: tuple[Version, ...]) -> tuple[Version, ...]:
    """Refuse two versions of one name."""
    names = [version.name for version in versions]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise invalid(f"{', '.join(twice)} stands twice", "one version of a name")
    return versions


_Versions = Annotated[tuple[Version, ...], AfterValidator(_unique)]


class SpaceState(_Record):
    """The state of a project in one deployment space, as ``metadata.lock`` has it.

    Attributes:
        service: URL of the service; ``"local"`` for the embedded one.
        space: Id of the deployment space.
        name: Name of the space, as the service told it last.
        model_id: Id of the model asset that serves, or was stored last.
        deployment_id: Id of the deployment.
        serving: How it is served, where that differs from the defaults.
        pending: A change of what is live that is not over.
        versions: What was stored, the oldest first.
        retired: Name -> digest of versions that are no longer stored; a name is given once.
        log: What was live, the oldest first.

    """

    service: _Text
    space: _Text
    name: str | None = None
    model_id: str | None = None
    deployment_id: str | None = None
    serving: ServingOptions | None = None
    pending: Pending | None = None
    versions: _Versions = ()
    retired: dict[_Name, str] = Key(default_factory=dict)
    log: tuple[LogEntry, ...] = ()


class Metadata(_Record):
    """A project: metadata.yaml, with the state of the current space in ``metadata.lock``.

    Attributes:
        project_name: Name of the project.
        project_version: Its version, as it is written: ``1.10`` is not ``1.1``.
        model_type: The service's name for the kind of model; None to find it out.
        model_uid: Id of the model asset; None before the first deployment.
        deployment_uid: Id of the deployment; None before the first one.
        versions: What was stored, the oldest first.
        retired: Name -> digest of versions that are no longer stored; a name is given once.
        log: What was live, the oldest first.
        pending: A change of what is live that is not over.
        serving: How the deployment is served, where that differs from the defaults.

    Other keys of the file are in ``model_extra``.

    Raises:
        MetadataError: A key is missing or of a wrong type; ``faults`` has all of it.

    Example:
        >>> Metadata(project_name="churn", project_version="0.1", author="Ana").model_extra
        {'author': 'Ana'}

    """

    project_name: _Text
    project_version: _Text
    model_type: str | None = None
    model_uid: str | None = None
    deployment_uid: str | None = None
    versions: _Versions = ()
    retired: dict[_Name, str] = Key(default_factory=dict)
    log: tuple[LogEntry, ...] = ()
    pending: Pending | None = None
    serving: ServingOptions | None = None

    def version(self, name: str | None) -> Version | None:
        """Find a version by its name; None where there is none.

        Example:
            >>> Metadata(project_name="churn", project_version="0.1").version("v0.1") is None
            True

        """
        return next((version for version in self.versions if version.name == name), None)
