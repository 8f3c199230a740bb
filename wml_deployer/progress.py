"""One hook that is told how far packing, uploads, rollouts, waiting and scoring are.

Without a hook of your own, bars are drawn with rich or tqdm where one of them is installed and somebody looks: in a
terminal or notebook. In CI, in pipes and without these packages nothing is printed.
"""

from __future__ import annotations

from wml_deployer._progress.bars import automatic
from wml_deployer._progress.events import ProgressEvent, ProgressHook
from wml_deployer._progress.stage import hook_is

__all__ = ["ProgressEvent", "ProgressHook", "automatic", "set_progress"]


def set_progress(hook: ProgressHook | None) -> ProgressHook | None:
    """Let a hook be told of progress, in the whole process.

    Args:
        hook: Called with each :class:`ProgressEvent`; ``None`` keeps all quiet, ``automatic`` is how it begins.

    Returns:
        The hook that was told before.

    Example:
        >>> before = set_progress(lambda event: print(event.stage, event.done, "of", event.total, event.unit))
        >>> from sklearn.dummy import DummyRegressor
        >>> from wml_deployer.packaging import pack
        >>> with pack(DummyRegressor().fit([[1.0]], [2.0])):
        ...     pass
        packing 0 of ... bytes
        packing ... of ... bytes
        >>> _ = set_progress(before)

    """
    return hook_is(hook)
