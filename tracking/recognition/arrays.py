"""NumPy, loaded when it is first used: it takes 10 MiB of a process, and most processes never look at a photo."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.floating[Any]]
else:

    class _Later:
        def __getattr__(self, name: str) -> Any:
            found = getattr(import_module("numpy"), name)
            setattr(self, name, found)  # the next time it is found without this detour
            return found

    Array, np = Any, _Later()

__all__ = ["Array", "np"]
