"""Deployment spaces: list those that a key sees, and create one.

Both need credentials without a space::

    from wml_deployer import create_space, list_spaces, load_credentials

    credentials = load_credentials("credentials.yaml")
    print(list_spaces(credentials))
    create_space(credentials, "churn-staging")

"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wml_deployer._clients.door import connect_account
from wml_deployer._clients.records import InstanceRecord
from wml_deployer._clients.spaces import RUNTIME, STORAGE
from wml_deployer._transport.deadline import cleanup_deadline, deadline, pause
from wml_deployer._transport.idempotency import add_note, send_once
from wml_deployer.credentials import CloudCredentials, LocalCredentials, SoftwareCredentials
from wml_deployer.credentials._regions import find_region
from wml_deployer.deployer._verb import check_arguments
from wml_deployer.display._card import Badge, Card
from wml_deployer.display._view import View, view_of
from wml_deployer.errors import (
    AuthorizationError,
    ConfigurationError,
    ConflictError,
    CredentialsError,
    DeadlineError,
    ServiceError,
    WMLDeployerError,
)
from wml_deployer.metadata import name_fault
from wml_deployer.progress._stage import stage

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from typing_extensions import Self

    from wml_deployer._clients.protocol import Account
    from wml_deployer._clients.records import SpaceRecord
    from wml_deployer.credentials import Credentials
    from wml_deployer.display._frames import Spaces

__all__ = ["DeploymentSpace", "create_space", "list_spaces"]

LIST_SECONDS = 60.0
CREATE_SECONDS = 600.0
FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 3.0
_FAILED = frozenset({"failed", "error", "canceled"})
"""The states in which IBM's clients give a new space up."""
_CONTROLLED = "ml.cloud.ibm.com"
"""The platform whose accounts have a resource controller."""


@dataclass(frozen=True)
class DeploymentSpace:
    """A deployment space.

    Attributes:
        name: Its name.
        id: Its id, the ``space_id`` of credentials.
        state: ``active`` once it can be used.
        runtime: Name of the runtime instance that does the computing; ``None`` where there is none, and nothing can be
            deployed.
        role: Your role in it: ``admin``, ``editor`` or ``viewer``; ``None`` where the service does not say it.

    Example:
        >>> DeploymentSpace("churn-staging", "3fa2", "active", "Watson Machine Learning", "admin").name
        'churn-staging'

    """

    name: str
    id: str
    state: str
    runtime: str | None = None
    role: str | None = None

    @classmethod
    def from_record(cls, record: SpaceRecord) -> Self:
        """Make it of what the service tells."""
        return cls(record.name, record.id, record.state, record.runtime or record.instance_id, record.role)

    def _repr_html_(self) -> str:
        return view_of(self).html


@view_of.register(DeploymentSpace)
def _(space: DeploymentSpace) -> View:
    facts = (("Id", space.id), ("Runtime", space.runtime or "none"), ("Your role", space.role or "not known"))
    badge = Badge(space.state, "good" if space.state == "active" else "warning")
    return View(Card("DeploymentSpace", space.name, badge, facts))


def list_spaces(credentials: Credentials, *, timeout: float = LIST_SECONDS) -> Spaces:
    """List the deployment spaces that a key sees.

    Args:
        credentials: Where the service is, and how to log in; a space that they name does not matter.
        timeout: Seconds for the whole call.

    Returns:
        One row for each space, in the order of their names: ``name``, ``id``, ``state``, ``runtime`` (name of the
        instance that does the computing, null where there is none) and ``role`` (yours in the space; null where you are
        a member by a group, which the service does not tell).

    Raises:
        AuthenticationError: The service does not accept the key.

    Example:
        >>> import tempfile
        >>> from wml_deployer import LocalCredentials
        >>> list_spaces(LocalCredentials(directory=tempfile.mkdtemp()))[["name", "state", "role"]]
                    name   state   role
        0  Default space  active  admin

    """
    from wml_deployer.display._frames import Spaces  # noqa: PLC0415 - deferred: pandas is slow to import

    with _named("list_spaces"):
        check_arguments("list_spaces", {"timeout": timeout})
        with deadline(timeout), _account(credentials) as account:
            found = sorted(map(DeploymentSpace.from_record, account.spaces()), key=lambda space: (space.name, space.id))
    rows = [(space.name, space.id, space.state, space.runtime, space.role) for space in found]
    return Spaces(rows, columns=["name", "id", "state", "runtime", "role"])


def create_space(
    credentials: Credentials,
    name: str,
    *,
    description: str | None = None,
    runtime: str | None = None,
    storage: str | None = None,
    production: bool = False,
    timeout: float = CREATE_SECONDS,
) -> DeploymentSpace:
    """Create a deployment space, and wait until it is active.

    On IBM Cloud a space has a runtime instance, which does the computing and is billed for it, and an instance of Cloud
    Object Storage, which keeps its assets. The account's only one of each in the region is taken unless you name one.

    Args:
        credentials: Where the service is, and how to log in; a space that they name does not matter.
        name: Name of the space; no other one that the key sees may have it.
        description: What it is for.
        runtime: Name or CRN of the runtime instance, on IBM Cloud.
        storage: Name or CRN of the object storage instance, on IBM Cloud.
        production: Whether the platform marks it as a space for production.
        timeout: Seconds for the whole call.

    Returns:
        The space, active.

    Raises:
        ConflictError: There is a space of this name; nothing was created.
        ConfigurationError: No instance is named, and there is none or several to choose from; the message lists them.
        ServiceError: The service could not create it; nothing is left.
        DeadlineError: It is not active yet; the message has its id.

    Example:
        >>> import tempfile
        >>> from wml_deployer import LocalCredentials
        >>> create_space(LocalCredentials(directory=tempfile.mkdtemp()), "churn-staging").state
        'active'

    """
    arguments = {
        "name": name,
        "description": description,
        "runtime": runtime,
        "storage": storage,
        "production": production,
        "timeout": timeout,
    }
    with _named("create_space"):
        check_arguments("create_space", arguments)
        _check_name(name)
        _refuse_instances(credentials, runtime, storage)
        with deadline(timeout, cleanup=True), _account(credentials) as account:
            there = account.spaces()
            _refuse_taken(name, there)
            computing, keeping = _instances_for(credentials, account, runtime, storage)
            known = {space.id for space in there}

            def create() -> SpaceRecord:
                return account.create_space(
                    name, description=description, runtime=computing, storage=keeping, production=production
                )

            def created() -> SpaceRecord | None:
                return next((one for one in account.spaces() if one.name == name and one.id not in known), None)

            return DeploymentSpace.from_record(_wait_until_active(account, send_once(create, created)))


@contextlib.contextmanager
def _named(operation: str) -> Iterator[None]:
    """Tell errors under the name of the function that was called."""
    try:
        yield
    except WMLDeployerError as error:
        if error.operation not in {None, operation}:
            error.message = f"Cannot {error.operation}: {error.message}"
        error.operation = operation
        raise


@contextlib.contextmanager
def _account(credentials: Credentials) -> Iterator[Account]:
    if not isinstance(credentials, CloudCredentials | SoftwareCredentials | LocalCredentials):
        raise CredentialsError(
            f"Expected credentials, got {type(credentials).__name__}.",
            next_step="Load them with load_credentials('credentials.yaml').",
        )
    account = connect_account(credentials)
    try:
        yield account
    finally:
        account.close()


def _check_name(name: str) -> None:
    problem = name_fault(name)
    if problem:
        raise ConfigurationError(
            f"The name of the space {problem}; nothing was created.",
            next_step="Give a text on one line, such as 'churn-staging'.",
        )


def _refuse_instances(credentials: Credentials, runtime: str | None, storage: str | None) -> None:
    """Refuse instances where the platform has its own for every space."""
    given = [f"{key}=" for key, value in (("runtime", runtime), ("storage", storage)) if value is not None]
    if given and not isinstance(credentials, CloudCredentials):
        raise ConfigurationError(
            f"Only IBM Cloud lets a space choose its instances: {' and '.join(given)} cannot be used here.",
            next_step="Leave them out; nothing was created.",
        )


def _refuse_taken(name: str, there: Sequence[SpaceRecord]) -> None:
    taken = next((space for space in there if space.name == name), None)
    if taken is not None:
        raise ConflictError(
            f"There is a space called {name!r} ({taken.id}, {taken.state}); nothing was created.",
            next_step="Use that one, with space in the credentials, or give another name.",
        )


def _instances_for(
    credentials: Credentials, account: Account, runtime: str | None, storage: str | None
) -> tuple[InstanceRecord | None, InstanceRecord | None]:
    """Return the runtime and the object storage of a new space; on Cloud Pak for Data every space has them."""
    if not isinstance(credentials, CloudCredentials):
        return None, None
    region = find_region(credentials.url)
    name = region.name if region else ""
    is_listed = region is not None and region.platform == _CONTROLLED

    def offered(service: str, given: str | None) -> Sequence[InstanceRecord]:
        if not is_listed:
            return ()
        try:
            return [one for one in account.instances(service) if one.region in {name, "global", ""}]
        except AuthorizationError:
            if given is None:
                raise
            return ()  # a CRN is enough

    return (
        choose_instance("runtime", runtime, offered(RUNTIME, runtime)),
        choose_instance("storage", storage, offered(STORAGE, storage)),
    )


def choose_instance(argument: str, given: str | None, offered: Sequence[InstanceRecord]) -> InstanceRecord:
    """Choose the instance that a name or CRN means, or the only one there is.

    Args:
        argument: Which argument of :func:`create_space` names it.
        given: What it says.
        offered: The account's instances in the region.

    Raises:
        ConfigurationError: There is none, or there are several to choose from.

    Example:
        >>> there = [InstanceRecord("wml-eu", "crn:v1:bluemix:public:pm-20:eu-de:a/1:2::", "eu-de")]
        >>> choose_instance("runtime", None, there).name
        'wml-eu'

    """
    fitting = [one for one in offered if given in {None, one.name, one.crn}]
    if len(fitting) == 1:
        return fitting[0]
    if given is not None and given.startswith("crn:") and not fitting:
        return InstanceRecord(given.split(":")[7] if given.count(":") > 7 else given, given)  # noqa: PLR2004
    what = "runtime instance" if argument == "runtime" else "instance of Cloud Object Storage"
    there = ", ".join(f"{one.name} ({one.crn})" for one in offered) or "none"
    said = f"{len(fitting)} of them are called {given!r}" if given is not None else f"There are {len(fitting)} {what}s"
    raise ConfigurationError(
        f"{said}; those that the key sees in the region: {there}. Nothing was created.",
        next_step=f"Name one with {argument}=, by its name or CRN."
        if offered
        else f"Create one in the catalogue of IBM Cloud, or give its CRN as {argument}=.",
    )


def _wait_until_active(account: Account, record: SpaceRecord) -> SpaceRecord:
    seconds = FIRST_PAUSE_SECONDS
    with stage("waiting", unit="looks", detail=record.state) as progress:
        while record.state != "active":
            if record.state in _FAILED:
                raise _failed(account, record)
            try:
                pause(seconds)
                # A space that was made a moment ago comes without the members; its role is the creator's.
                record = account.space_called(record.id).with_role(record.role)
            except DeadlineError as error:
                raise DeadlineError(
                    f"The space {record.name} ({record.id}) is still {record.state}; the time is over.",
                    next_step="Wait until list_spaces(credentials) shows it as active; it need not be created again.",
                ) from error
            seconds = min(seconds * 1.6, LONGEST_PAUSE_SECONDS)
            progress.advance(detail=record.state)
    return record


def _failed(account: Account, record: SpaceRecord) -> ServiceError:
    error = ServiceError(
        f"The service could not create the space {record.name}: {record.failure or 'it gives no reason'}",
        next_step="See that the instances are active, and that you may create spaces; and try again.",
    )
    try:
        with cleanup_deadline():
            account.delete_space(record.id)
    except WMLDeployerError:
        add_note(error, f"The space {record.id} is left, {record.state}.")
    return error
