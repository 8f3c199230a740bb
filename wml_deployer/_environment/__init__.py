"""What a model needs beside its runtime: packages of an index, and the caller's own code.

A runtime of the service cannot be changed, but a software specification can be derived from it that adds *package
extensions*: a conda environment with a list of requirements for pip, and a zipped source distribution. An environment
is the content of these two, and is identified by it: versions with the same needs share one derived specification.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from wml_deployer.frameworks._registry import FRAMEWORKS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wml_deployer._environment.code import Code
    from wml_deployer.packaging import Carrier
    from wml_deployer.specifications import Specification

__all__ = ["Environment", "base_name", "derived_name", "is_derived_name"]

_DERIVED = re.compile(r"(?P<base>.+)-wml_deployer-[0-9a-f]{12}")


@dataclass(frozen=True)
class Environment:
    """What is installed over a runtime.

    Attributes:
        requirements: What pip installs, one requirement each, in the order of their names.
        code: The caller's own packages.
        model: The package that carries a large model.

    Example:
        >>> bool(Environment()), Environment(("lightgbm==4.6.0",)).pins
        (False, {'lightgbm': '4.6.0'})

    """

    requirements: tuple[str, ...] = ()
    code: Code | None = None
    model: Carrier | None = None

    def __bool__(self) -> bool:
        """Whether it adds anything."""
        return bool(self.requirements or self.code or self.model)

    @property
    def digest(self) -> str:
        """Identifies its content: 12 hexadecimal digits."""
        content = [*self.recorded, *([self.model.module] if self.model else [])]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:12]

    @property
    def recorded(self) -> tuple[tuple[str, ...], str | None]:
        """What is written down of it: the requirements, and the digest of the code. The model is the version itself."""
        return self.requirements, self.code.digest if self.code else None

    @property
    def pins(self) -> Mapping[str, str]:
        """Version by canonical name of each requirement that allows exactly one; an empty text for the others."""
        found: dict[str, str] = {}
        for line in self.requirements:
            requirement = Requirement(line)
            exact = [one.version for one in requirement.specifier if one.operator == "==" and "*" not in one.version]
            found[canonicalize_name(requirement.name)] = exact[0] if exact else ""
        return found

    def applied_to(self, specification: Specification) -> Specification:
        """Return a runtime as it is with this installed over it.

        Args:
            specification: The runtime, with its packages.

        """
        pins = dict(self.pins)
        listed = {name: pins.pop(canonicalize_name(name), version) for name, version in specification.packages.items()}
        modules = frozenset([*(self.code.modules if self.code else ()), *([self.model.module] if self.model else ())])
        name = derived_name(specification.name, self) if self else specification.name
        return replace(specification, name=name, packages={**listed, **pins}, modules=modules)

    def installs(self, framework: str) -> bool:
        """Whether it brings a release of a framework.

        Args:
            framework: Its name, ``"scikit-learn"`` for instance.

        """
        names = next((each.packages for each in FRAMEWORKS if each.name == framework), (framework,))
        return any(canonicalize_name(name) in self.pins for name in names)


def derived_name(base: str, environment: Environment) -> str:
    """Name the specification that adds an environment to a base; the same content has the same name.

    Example:
        >>> derived_name("runtime-25.1-py3.12", Environment(("lightgbm==4.6.0",)))
        'runtime-25.1-py3.12-wml_deployer-...'

    """
    return f"{base}-wml_deployer-{environment.digest}"


def base_name(name: str) -> str:
    """Return the name of the runtime that a specification was derived from, or its own name.

    Example:
        >>> base_name("runtime-25.1-py3.12-wml_deployer-0123456789ab"), base_name("runtime-25.1-py3.12")
        ('runtime-25.1-py3.12', 'runtime-25.1-py3.12')

    """
    found = _DERIVED.fullmatch(name)
    return found["base"] if found else name


def is_derived_name(name: str) -> bool:
    """Whether a specification of this name was derived by this library.

    Example:
        >>> is_derived_name("runtime-25.1-py3.12-wml_deployer-0123456789ab"), is_derived_name("runtime-25.1-py3.12")
        (True, False)

    """
    return _DERIVED.fullmatch(name) is not None
