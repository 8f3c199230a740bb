"""Check the model itself: its size, its columns, its sample."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wml_deployer.frameworks._sklearn import input_instead_of_rows
from wml_deployer.reports import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wml_deployer.schema import Schema

__all__ = ["input_findings", "schema_findings", "size_findings"]

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
            "Fit a smaller model, or scale the deployment's hardware specification.",
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
