"""An environment is identified by its content, and says what a runtime is with it."""

from __future__ import annotations

from wml_deployer._environment import Environment, derived_name
from wml_deployer._environment.code import Code
from wml_deployer.specifications import Specification

CODE = Code("4f0a", ("shop",), b"")
RUNTIME = Specification("f47a", "runtime-25.1-py3.12", packages={"numpy": "1.26.4", "scikit-learn": "1.6.1"})


def test_the_name_follows_the_content() -> None:
    """Machines that need the same find the same, and others find something else."""
    contents = [
        Environment(("attrs",)),
        Environment(("attrs>=23",)),
        Environment(("attrs",), CODE),
        Environment((), CODE),
    ]

    assert 4 == len({derived_name(RUNTIME.name, one) for one in contents})
    assert derived_name(RUNTIME.name, contents[0]) == derived_name(RUNTIME.name, Environment(("attrs",)))


def test_pins_come_over_what_the_runtime_has() -> None:
    """Pip replaces what the requirements name, and leaves the rest."""
    applied = Environment(("attrs", "Scikit_Learn==1.9.1"), CODE).applied_to(RUNTIME)

    assert {"numpy": "1.26.4", "scikit-learn": "1.9.1", "attrs": ""} == applied.packages
    assert {"shop"} == applied.modules
