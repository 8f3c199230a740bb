"""Commands that change which version serves."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from wml_deployer._command_line.arguments import (
    ALLOW_SCHEMA_CHANGE,
    COPIES,
    CREDENTIALS,
    HARDWARE,
    METRICS,
    MODEL,
    MODEL_OPTIONS,
    NAME,
    PROJECT,
    REASON,
    SERVING_OPTIONS,
    TIMEOUT,
    model_options,
    read_metrics,
    serving_options,
    unicode,
)
from wml_deployer._command_line.command import Result, argument, command, open_project

if TYPE_CHECKING:
    import argparse

    from wml_deployer.deployment import Deployment

__all__ = ["delete", "deploy", "deployment_facts", "release", "rollback", "scale", "status", "update"]

_ROLLOUT = (MODEL, PROJECT, CREDENTIALS, TIMEOUT, *MODEL_OPTIONS, NAME, METRICS, REASON, *SERVING_OPTIONS)


@command("deploy the project's first version", *_ROLLOUT)
def deploy(given: argparse.Namespace) -> Result:
    """Deploy the first version."""
    options = _rollout_options(given)
    with open_project(given) as deployer:
        return Result(deployment_facts(deployer.deploy(given.model, **options)))


@command("serve another version under the same id and URL", *_ROLLOUT, ALLOW_SCHEMA_CHANGE)
def update(given: argparse.Namespace) -> Result:
    """Serve another version."""
    options = _rollout_options(given)
    with open_project(given) as deployer:
        return Result(
            deployment_facts(deployer.update(given.model, allow_schema_change=given.allow_schema_change, **options))
        )


@command(
    "deploy the first time, afterwards update; nothing when this content is live",
    *_ROLLOUT,
    ALLOW_SCHEMA_CHANGE,
    argument(
        "--from",
        dest="source",
        metavar="CREDENTIALS",
        help="take the model from another space: it is the name of a version that is stored there",
    ),
)
def release(given: argparse.Namespace) -> Result:
    """Deploy or update, or find that nothing is to be done."""
    options = {**_rollout_options(given), "allow_schema_change": given.allow_schema_change}
    with ExitStack() as stack:
        deployer, model = stack.enter_context(open_project(given)), given.model
        if given.source is not None:
            model = stack.enter_context(open_project(given, given.source)).version(str(given.model))
        return Result(deployment_facts(deployer.release(model, **options)))


@command(
    "serve an earlier version again",
    *(PROJECT, CREDENTIALS, TIMEOUT),
    argument(
        "--to",
        type=unicode,
        metavar="VERSION",
        help="version, revision or digest; the one before the present one by default",
    ),
    REASON,
)
def rollback(given: argparse.Namespace) -> Result:
    """Serve an earlier version again."""
    with open_project(given) as deployer:
        return Result(deployment_facts(deployer.rollback(given.to, reason=given.reason, timeout=given.timeout)))


@command("serve with another number of copies", PROJECT, CREDENTIALS, TIMEOUT, COPIES, HARDWARE)
def scale(given: argparse.Namespace) -> Result:
    """Serve with another number of copies."""
    with open_project(given) as deployer:
        scaled = deployer.scale(copies=given.copies, hardware=given.hardware, timeout=given.timeout)
        return Result(deployment_facts(scaled))


@command(
    "tell what serves",
    *(PROJECT, CREDENTIALS, TIMEOUT),
    argument("--all", action="store_true", help="in every space of the project, as metadata.lock has it"),
)
def status(given: argparse.Namespace) -> Result:
    """Look up the deployment, or what is live in which space."""
    with open_project(given) as deployer:
        if given.all:
            found = deployer.spaces()
            rows = found.where(found.notna(), None).to_dict("records")
            listed = [{str(name): value for name, value in row.items()} for row in rows]
            return Result(listed, None if listed else "Nothing was stored yet.")
        return Result(deployment_facts(deployer.status(timeout=given.timeout)))


@command(
    "delete the deployment, but not its stored versions",
    *(PROJECT, CREDENTIALS, TIMEOUT),
    argument("--cascade", action="store_true", help="the stored models as well, and what else is deployed of them"),
)
def delete(given: argparse.Namespace) -> Result:
    """Delete the deployment."""
    with open_project(given) as deployer:
        deployer.delete(cascade=given.cascade, timeout=given.timeout)
    return Result({"action": "deleted"})


def _rollout_options(given: argparse.Namespace) -> dict[str, Any]:
    own = {"version": given.name, "metrics": read_metrics(given.metrics), "reason": given.reason}
    return {**model_options(given), **own, **serving_options(given)}


def deployment_facts(deployment: Deployment) -> dict[str, Any]:
    """Return what is told of a deployment; first what was done, where something was."""
    names = (
        "id",
        "name",
        "url",
        "state",
        "version",
        "model_id",
        "revision",
        "space",
        "hardware",
        "copies",
        "serving_name",
    )
    done = {} if deployment.action is None else {"action": deployment.action}
    return {**done, **{name: getattr(deployment, name) for name in names}}
