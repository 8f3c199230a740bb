"""Whether the libraries of a runtime explain that a deployment answers otherwise than the local model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wml_deployer._preflight.skew import skew_findings
from wml_deployer.errors import WMLDeployerError

if TYPE_CHECKING:
    from wml_deployer._clients.protocol import Client
    from wml_deployer._rollout.sample import Sample
    from wml_deployer.errors import RolloutError

__all__ = ["explain_by_libraries"]


def explain_by_libraries(client: Client, sample: Sample, error: RolloutError) -> None:
    """Add to a disagreement which libraries of the runtime are others than those of the fit.

    Args:
        client: The deployment space.
        sample: What the model was fitted with, and where it runs.
        error: The disagreement.

    """
    try:
        listed = next((each for each in client.specifications() if each.name == sample.specification), None)
        findings = list(skew_findings(sample.libraries, client.specification(listed))) if listed else []
    except WMLDeployerError:
        # The disagreement is what the caller needs to know of.
        return
    for finding in findings:
        error.message += f"\nPossible cause: {finding.subject}: {finding.problem}."
