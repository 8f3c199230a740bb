"""Check the space, the specification, the input and the sample of a model, and report errors as findings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wml_deployer._clients.rights import NO_TASK_CREDENTIALS
from wml_deployer.errors import (
    AuthenticationError,
    AuthorizationError,
    CertificateError,
    DeadlineError,
    TransportError,
    WMLDeployerError,
)
from wml_deployer.frameworks._sklearn import input_instead_of_rows
from wml_deployer.reports import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wml_deployer._clients.protocol import Client
    from wml_deployer._clients.records import PlanRecord, SpaceRecord
    from wml_deployer.schema import Schema
    from wml_deployer.specifications import Specification

__all__ = [
    "as_findings",
    "input_findings",
    "life_findings",
    "refuse_readers",
    "schema_findings",
    "service_subject",
    "size_findings",
    "space_findings",
]

# A deployment runs on hardware S, 2 CPUs and 8 GB, unless scaled: the archive, the unpacked pickle and the loaded
# model have to fit into that together. IBM documents no limit of the upload itself.
# https://www.ibm.com/docs/en/cloud-paks/cp-data/5.2.x?topic=deployments-compute-requirements-batch-deployment-jobs
LARGE = 2 * 1024**3


def size_findings(size: int) -> Iterator[Finding]:
    """Warn of an archive that will hardly fit into a deployment's memory.

    Args:
        size: Bytes of the archive.

    """
    if size > LARGE:
        yield Finding(
            "warning",
            "size",
            f"the archive has {size / 1024**3:.1f} GiB, and a deployment of size S has 8 GB of memory",
            "Fit a smaller model, or name larger hardware for its deployment.",
        )


def schema_findings(schema: Schema, *, sampled: bool) -> Iterator[Finding]:
    """Warn if columns cannot be put in order, or the deployment cannot be verified.

    Args:
        schema: What is known of fields and classes.
        sampled: Whether there is a sample to rehearse and verify the deployment with.

    """
    if not schema.fields:
        yield Finding(
            "warning",
            "schema",
            "the names of the model's columns are not known: columns in another order are not noticed",
            "Pass sample= as a DataFrame with named columns, in the order of the fit.",
        )
    if not sampled:
        yield Finding(
            "warning",
            "sample",
            "without a sample nothing is rehearsed or verified: answers that differ from the model's are not noticed",
            "Pass sample=, a few dozen rows of what the model was fitted on.",
        )


def input_findings(estimator: object) -> Iterator[Finding]:
    """Find out whether the model takes a table of rows at all.

    Args:
        estimator: A fitted estimator.

    """
    kind = input_instead_of_rows(estimator)
    if kind is not None:
        yield Finding(
            "error",
            "input",
            f"the model was fitted on {kind}, and a request holds rows of columns: no row could ever be scored on it",
            "Name the column inside the pipeline, such as ColumnTransformer([('text', TfidfVectorizer(), 'text')]), "
            "and fit it on a DataFrame.",
        )


WRITERS = frozenset({"admin", "editor", "owner"})
NEARLY_USED_UP = 0.9
ASK_FOR_EDITOR = "Ask the space's admin for the role editor."
LITE_REQUESTS_PER_SECOND = 2
"""The rate that IBM states for the free plan, and for no other.
https://dataplatform.cloud.ibm.com/docs/content/wsj/getting-started/wxai-runtime-plans-ml.html
"""


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
        yield from _plan(client.plan(space.instance_id))
    if client.has_task_credentials() is False:
        problem = "there are none for this user: score_batch would fail, and nothing else would"
        yield Finding("warning", "task credentials", problem, NO_TASK_CREDENTIALS)


def refuse_readers(client: Client) -> None:
    """Refuse to store for a user who may only read, before anything is uploaded.

    Args:
        client: The space, connected.

    Raises:
        AuthorizationError: The user's role does not include it.

    """
    role = client.role() if client.scope.kind == "space" else None
    if role is not None and role not in WRITERS:
        raise AuthorizationError(
            f"The role in {client.scope} is {role}, which may not store or deploy; nothing was uploaded.",
            operation="store",
            next_step=ASK_FOR_EDITOR,
        )


def _rights(role: str | None, space: SpaceRecord) -> Iterator[Finding]:
    if role is not None and role not in WRITERS:
        yield Finding(
            "error",
            "rights",
            f"the role in the space {space.name} is {role}, which may not store or deploy",
            ASK_FOR_EDITOR,
        )


def _plan(plan: PlanRecord) -> Iterator[Finding]:
    if plan.limit is not None and plan.used >= NEARLY_USED_UP * plan.limit:
        used_up = plan.used >= plan.limit
        yield Finding(
            "error" if used_up else "warning",
            "quota",
            f"{plan.used:g} of the {plan.limit:g} capacity unit hours of the plan {plan.name} are used",
            "Delete deployments that nobody needs, upgrade the plan, or wait for the next month.",
        )
    if plan.jobs_limit is not None and plan.jobs >= NEARLY_USED_UP * plan.jobs_limit:
        yield Finding(
            "warning",
            "jobs",
            f"{plan.jobs} of the {plan.jobs_limit} deployment jobs that the plan {plan.name} keeps are there: at the "
            "limit, score_batch fails",
            "Delete old jobs, or upgrade the plan.",
        )
    if plan.name.casefold() == "lite":
        yield Finding(
            "warning",
            "rate",
            f"the plan {plan.name} promises {LITE_REQUESTS_PER_SECOND} requests a second; what is beyond that waits "
            "for its turn",
            "Score many rows in a call rather than one row in many calls, or upgrade the plan.",
        )


def life_findings(specification: Specification) -> Iterator[Finding]:
    """Tell where a specification is in its life, if that is not its best time.

    Args:
        specification: The one that would run the model, or runs it.

    """
    if specification.state in ("available", "supported"):
        return
    says = {
        "deprecated": "it still takes models, and will not for long",
        "constricted": "it keeps the models that it has, and takes no new ones",
        "create-unsupported": "it keeps the models that it has, and takes no new ones",
        "retired": "it is gone",
        "withdrawn": "it is gone",
    }
    yield Finding(
        "warning" if specification.state == "deprecated" else "error",
        specification.name,
        f"the software specification is {specification.state} ({specification.notes or 'the service tells no date'}): "
        f"{says.get(specification.state, 'it takes no new models')}",
        f"Move to {specification.replacement}." if specification.replacement else "Move to a supported one.",
    )


_SUBJECTS: tuple[tuple[type[WMLDeployerError], str], ...] = (
    (AuthenticationError, "credentials"),
    (AuthorizationError, "rights"),
    (CertificateError, "certificate"),
    (TransportError, "service"),
    (DeadlineError, "service"),
)
_FALLBACKS = {
    "credentials": "Check the key in the credentials.",
    "rights": ASK_FOR_EDITOR,
    "certificate": "Give the authority's certificate as ca_bundle in the credentials.",
    "service": "Check the url in the credentials, and whether a proxy or VPN stands in between.",
}


def service_subject(error: WMLDeployerError) -> str:
    """Name what an error of the service is about."""
    return next((subject for kind, subject in _SUBJECTS if isinstance(error, kind)), "service")


def as_findings(error: WMLDeployerError, subject: str) -> Iterator[Finding]:
    """Turn an error, with each of its faults, into findings.

    Args:
        error: What was raised.
        subject: What it is about.

    """
    next_step = error.next_step or _FALLBACKS.get(subject, "Correct it and check again.")
    yield Finding("error", subject, error.message, next_step)
    for fault in error.faults:
        yield Finding("error", fault.where, fault.problem, fault.expected or next_step)
