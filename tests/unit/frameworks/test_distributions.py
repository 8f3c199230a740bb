"""Modules are traced to what pip installed, on every Python."""

from __future__ import annotations

import pytest

from wml_deployer.frameworks._inspection import distributions_of_modules


@pytest.mark.parametrize(
    ("module", "distribution"),
    [
        ("sklearn", "scikit-learn"),
        ("yaml", "PyYAML"),
        ("cloudpickle", "cloudpickle"),
        ("typing_extensions", "typing_extensions"),
    ],
)
def test_a_module_is_traced_to_its_distribution(module: str, distribution: str) -> None:
    """Packages and single files alike, whether their distribution names its modules or only lists its files."""
    assert (distribution,) == distributions_of_modules()[module]


def test_a_module_that_nobody_installed_has_none() -> None:
    """The script that runs now belongs to no distribution."""
    assert "__main__" not in distributions_of_modules()
