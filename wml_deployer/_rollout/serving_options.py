"""How a deployment is served: its serving name, description, tags, hardware and number of copies.

The deployment itself keeps these, and keeps them when it serves another version; metadata.lock has a copy. So what a
call was asked for is compared with the deployment, and only what differs is changed. A call that was cut off between
two changes is finished by the next one like it.

The service sets the hardware of an online deployment when it creates it. A later change has to name some, which "will
not be applied" (IBM's description of PATCH /ml/v4/deployments). The number of copies is the reverse: it is 1 at first,
and can be changed later.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from wml_deployer._rollout.orphans import CUSTOM_KEY, project_of
from wml_deployer._rollout.waiting import wait_until_scaled, wait_until_settled
from wml_deployer._transport.idempotency import send_once
from wml_deployer.errors import ConfigurationError, ConflictError, Fault, RolloutError
from wml_deployer.metadata import ServingOptions
from wml_deployer.progress._stage import stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wml_deployer._clients.protocol import Client
    from wml_deployer._clients.records import DeploymentRecord

__all__ = ["apply_options", "kept_options", "own_tags", "refuse_options", "refuse_other_hardware", "user_tags"]

DEFAULT_HARDWARE = "S"
"""The hardware specification of a deployment for which none was named."""

_log = logging.getLogger(__name__)


def own_tags(record: DeploymentRecord) -> tuple[str, ...]:
    """Return the tags of a deployment by which this library finds it."""
    return tuple(tag for tag in record.tags if tag in {CUSTOM_KEY, project_of(record)})


def user_tags(record: DeploymentRecord) -> tuple[str, ...]:
    """Return the tags of a deployment that its users gave it."""
    own = own_tags(record)
    return tuple(tag for tag in record.tags if tag not in own)


def kept_options(record: DeploymentRecord) -> ServingOptions | None:
    """Return what metadata.lock keeps of how a deployment is served; ``None`` where all of it is the default."""
    options = ServingOptions(
        serving_name=record.serving_name,
        description=record.description or None,
        tags=user_tags(record) or None,
        hardware=None if record.hardware == DEFAULT_HARDWARE else record.hardware,
        copies=None if _copies(record) == 1 else _copies(record),
    )
    return options if options != ServingOptions() else None


def refuse_options(client: Client, record: DeploymentRecord | None, options: ServingOptions) -> None:
    """Refuse options that the service would not accept, before anything is sent.

    Args:
        client: The deployment space.
        record: The project's deployment; ``None`` before there is one.
        options: What the caller asks for.

    Raises:
        ConfigurationError: Its ``faults`` name every option, with what there is.

    """
    faults = [*_unknown_hardware(client, record, options), *_taken_name(client, record, options)]
    if faults:
        count = "1 argument" if len(faults) == 1 else f"{len(faults)} arguments"
        raise ConfigurationError(
            f"{count} cannot be used; nothing was done.",
            faults=tuple(faults),
            next_step="Correct the arguments.",
        )
    if record is not None and options.hardware not in {None, record.hardware}:
        raise ConfigurationError(
            f"Deployment {record.id} runs on hardware {record.hardware}, and the service does not change that of a "
            "deployment that is there; nothing was done.",
            faults=(Fault("hardware", f"it is '{options.hardware}'", f"'{record.hardware}', or another deployment"),),
            next_step=f"Call delete(), then deploy(model, hardware='{options.hardware}'): its id is another one then. "
            "More copies serve more requests, too: scale(copies=2).",
        )


def refuse_other_hardware(record: DeploymentRecord, options: ServingOptions) -> None:
    """Refuse a new deployment that the service put on other hardware than it was asked for.

    Raises:
        RolloutError: It did.

    """
    if options.hardware not in {None, record.hardware}:
        raise RolloutError(
            f"The service deployed on hardware {record.hardware}, and hardware {options.hardware} was asked for.",
            next_step="Deploy without naming hardware, and look at what the plan of the instance includes.",
        )


def apply_options(client: Client, record: DeploymentRecord, options: ServingOptions) -> DeploymentRecord:
    """Change how a deployment is served, as far as it differs from what is asked for.

    Args:
        client: The deployment space.
        record: The deployment.
        options: What is asked for; the hardware is that of the deployment.

    Returns:
        The deployment as it is served then; the same record where nothing differed.

    Raises:
        RolloutError: The service could not start the copies.
        ConflictError: Somebody else changes it at the same time, or took the serving name.
        DeadlineError: The time is over.

    """
    changes = [*_changes(client, record, options)]
    if not changes:
        return record
    record = wait_until_settled(client, record)
    with stage("rollout", len(changes), "steps") as progress:
        for what, send, is_done in changes:
            progress.advance(0, detail=what)
            record = _send(client, record, send, is_done)
            if options.copies is not None and what == "copies":
                record = wait_until_scaled(client, record, options.copies)
            _log.info("deployment %s: changed %s", record.id, what)
            progress.advance()
    return record


def _changes(
    client: Client, record: DeploymentRecord, options: ServingOptions
) -> Iterator[tuple[str, Callable[[], DeploymentRecord], Callable[[DeploymentRecord], bool]]]:
    """Yield what has to be changed: its name, the request, and how to see that it was done."""
    description = record.description if options.description is None else options.description
    tags = user_tags(record) if options.tags is None else options.tags
    if (description, tags) != (record.description, user_tags(record)):
        labels = (*own_tags(record), *tags)
        yield (
            "description and tags",
            lambda: client.label_deployment(record.id, description, labels),
            lambda now: (now.description, now.tags) == (description, labels),
        )
    name = options.serving_name
    if name is not None and name != record.serving_name:
        yield (
            "serving name",
            lambda: client.name_deployment(record.id, name),
            lambda now: now.serving_name == name,
        )
    copies = options.copies
    if copies is not None and copies != _copies(record):
        yield (
            "copies",
            lambda: client.scale_deployment(record.id, record.hardware or DEFAULT_HARDWARE, copies),
            lambda now: _copies(now) == copies,
        )


def _send(
    client: Client,
    record: DeploymentRecord,
    send: Callable[[], DeploymentRecord],
    is_done: Callable[[DeploymentRecord], bool],
) -> DeploymentRecord:
    """Send a change once; a response may be lost, and the request that is sent again meets the first one's work."""

    def look() -> DeploymentRecord | None:
        now = client.deployment(record.id)
        return now if is_done(now) else None

    try:
        return send_once(send, look)
    except ConflictError:
        now = look()
        if now is None:
            raise
        return now


def _copies(record: DeploymentRecord) -> int:
    """Return how many copies a deployment has, or will have."""
    return record.copies if record.scaling_to is None else record.scaling_to


def _unknown_hardware(client: Client, record: DeploymentRecord | None, options: ServingOptions) -> Iterator[Fault]:
    if options.hardware is None or (record is not None and options.hardware == record.hardware):
        return
    offered = client.hardware()
    if options.hardware not in offered:
        yield Fault("hardware", f"it is '{options.hardware}'", f"one of {', '.join(offered)}")


def _taken_name(client: Client, record: DeploymentRecord | None, options: ServingOptions) -> Iterator[Fault]:
    name = options.serving_name
    if name is None or (record is not None and name == record.serving_name):
        return
    if not client.is_serving_name_free(name):
        yield Fault("serving_name", f"'{name}' is the name of another deployment", "a name that is free")
