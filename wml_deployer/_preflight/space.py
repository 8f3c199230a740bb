"""Whether the deployment space takes models, and whether the caller may put some there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wml_deployer.reports import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wml_deployer._clients.protocol import Client
    from wml_deployer._clients.records import SpaceRecord

__all__ = ["space_findings"]

WRITERS = frozenset({"admin", "editor", "owner"})
NEARLY_USED_UP = 0.9


def space_findings(client: Client) -> Iterator[Finding]:
    """Look at state, runtime, rights and quota of the space.

    Args:
        client: The space, connected.

    """
    if client.scope.kind == "project":
        said = f"models can be stored in {client.scope}, but not deployed"
        yield Finding("warning", "space", said, "Name a deployment space to deploy.")
        return
    space = client.space()
    if space.state != "active":
        yield Finding("error", "space", f"{space.name} is {space.state}", "Wait until it is active, or choose another.")
    yield from _rights(client.role(), space)
    if space.instance_id is None:
        # IBM's clients accept such a space in silence; the refusal comes at the first deployment.
        yield Finding(
            "error",
            "runtime",
            f"no machine learning instance is associated with the space {space.name}",
            "Associate one under Manage > General > Machine learning service of the space.",
        )
    else:
        yield from _quota(client, space.instance_id)


def _rights(role: str | None, space: SpaceRecord) -> Iterator[Finding]:
    if role is not None and role not in WRITERS:
        yield Finding(
            "error",
            "rights",
            f"the role in the space {space.name} is {role}, which may not store or deploy",
            "Ask the space's admin for the role editor.",
        )


def _quota(client: Client, instance_id: str) -> Iterator[Finding]:
    plan = client.plan(instance_id)
    if plan.limit is None or plan.used < NEARLY_USED_UP * plan.limit:
        return
    used_up = plan.used >= plan.limit
    yield Finding(
        "error" if used_up else "warning",
        "quota",
        f"{plan.used:g} of the {plan.limit:g} capacity unit hours of the plan {plan.name} are used",
        "Delete deployments that nobody needs, upgrade the plan, or wait for the next month.",
    )
