"""The caller of a request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Caller", "Flavour"]

Flavour = Literal["software", "cloud"]
"""Which of the two platforms a caller takes this for."""
_USER_IDS: dict[Flavour, str] = {"software": "1000330999", "cloud": "IBMid-270000LOCAL"}


@dataclass(frozen=True)
class Caller:
    """The caller, as the token says.

    Attributes:
        username: The account's name.
        flavour: Where the token was got: Cloud Pak for Data software, or IBM Cloud. Answers differ a little by it.

    """

    username: str
    flavour: Flavour

    @property
    def user_id(self) -> str:
        """The caller's user id on its platform."""
        return _USER_IDS[self.flavour]
