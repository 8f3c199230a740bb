"""What is known of the model itself: size, schema, proof."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wml_deployer.reports import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wml_deployer.schema import Schema

__all__ = ["schema_findings", "size_findings"]

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
    """Warn where columns cannot be checked, or the deployment cannot be proven.

    Args:
        schema: What is known of fields and classes.
        sampled: Whether there is a sample to prove the deployment with.

    """
    if not schema.fields:
        yield Finding(
            "warning",
            "schema",
            "the model was fitted without column names: rows in another order of columns are not noticed",
            "Fit it on a DataFrame.",
        )
    elif not all(field.dtype for field in schema.fields):
        unknown = sum(not field.dtype for field in schema.fields)
        yield Finding(
            "warning",
            "schema",
            f"the dtypes of {unknown} of {len(schema.fields)} columns are not known",
            "Pass sample=, a few rows of the frame that the model was fitted on.",
        )
    if not sampled:
        yield Finding(
            "warning",
            "sample",
            "without a sample the deployment is not proven, and a wrong one is not noticed",
            "Pass sample=, a few dozen rows.",
        )
