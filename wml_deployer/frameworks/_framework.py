"""Say what has to be known of a framework: one subclass of :class:`Framework`, in a file of its own."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from contextlib import AbstractContextManager

__all__ = ["Framework"]


class Framework:
    """The knowledge of one framework: how to recognise its models, and their fields, type and libraries.

    No method imports the framework's library unless the object that it gets comes from there.

    Attributes:
        name: What pip and the service's model types call it.
        package: What Python imports.
        aliases: Other names that runtimes list it by.
        bundled: Other packages that every runtime with this framework has, listed or not.
        file_name: What IBM's client calls the pickle in the archive.
        is_served: Whether a runtime of the service has a model type for it; others go live as functions.
        is_carried: Whether runtimes have the library all the same.
        call: How a function asks a model for predictions: a name in ``CALLS`` of its loader.
        needs_same_release: Whether models are only sure to load in the minor release that saved them.
        volatile_attributes: Attributes that change with use, or say how to run and not what to answer: a digest leaves
            them out.
        reducers: By full name of a class, how to take an object apart for its digest, where ``__reduce_ex__`` would
            give more than its content. Subclasses follow.

    """

    name: ClassVar[str]
    package: ClassVar[str]
    aliases: ClassVar[tuple[str, ...]] = ()
    bundled: ClassVar[tuple[str, ...]] = ()
    file_name: ClassVar[str] = "scikit_model.pkl"
    is_served: ClassVar[bool] = True
    is_carried: ClassVar[bool] = False
    call: ClassVar[str] = "predict"
    needs_same_release: ClassVar[bool] = True
    volatile_attributes: ClassVar[frozenset[str]] = frozenset()
    reducers: ClassVar[Mapping[str, Callable[[Any], Any]]] = {}

    @property
    def packages(self) -> tuple[str, ...]:
        """All names that runtimes list it by."""
        return self.name, *self.aliases

    def is_model(self, value: object) -> bool:
        """Whether an object is a model of this framework, fitted or not."""
        raise NotImplementedError

    def refuse_unfitted(self, model: Any) -> None:
        """Refuse a model that cannot predict, or not yet.

        Raises:
            UnsupportedModelError: The message says what is missing.

        """
        raise NotImplementedError

    def as_stored(self, model: Any) -> object:
        """Return what is pickled in place of a model."""
        return model

    def settings(self) -> Mapping[str, Any]:
        """Return what was set of the library for this process, and changes what its models answer."""
        return {}

    def default_settings(self) -> AbstractContextManager[object]:
        """Set what :meth:`settings` returns to the defaults within a block."""
        return nullcontext()

    def field_names(self, model: Any) -> Sequence[str] | None:
        """Return the names of the columns that a model was fitted on, in order, if it knows them."""
        return getattr(model, "feature_names_in_", None)

    def name_as_kept(self, name: str) -> str:
        """Return how a model keeps the name of a column that it was fitted on."""
        return name

    def categorical(self, step: Any) -> Sequence[bool]:
        """Say of each column whether a model, or a step of one, was fitted on pandas categories there."""
        del step
        return ()

    def saved_version(self, classes: Collection[str], state: Mapping[str, Any]) -> str | None:
        """Read the framework's version from an object in a pickle, which is not loaded.

        Args:
            classes: Full names of what makes the object: its class, or a function and the classes among its arguments.
            state: The attributes that it is given, as far as they are text or bytes.

        """
        del classes, state
        return None
