"""Report the progress of connecting, packing, uploads, rollouts, waiting and scoring to one hook.

By default, bars are drawn with tqdm in terminals and notebooks. In CI and in pipes nothing is printed. Whoever turns
logging on at the level ``INFO`` gets one line for each stage, from the logger ``wml_deployer.progress``.
"""

from __future__ import annotations

from wml_deployer.progress._stage import ProgressEvent, ProgressHook, automatic, set_hook

__all__ = ["ProgressEvent", "ProgressHook", "automatic", "set_progress"]


def set_progress(hook: ProgressHook | None) -> ProgressHook | None:
    """Set the progress hook of the whole process.

    Args:
        hook: Called with each :class:`ProgressEvent`. ``None`` reports nothing; ``automatic``, the default, draws bars.

    Returns:
        The previous hook.

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
    return set_hook(hook)
