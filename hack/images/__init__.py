"""Container images of the local cluster, built without a registry.

`ensure` is the one call that other code makes; `python -m hack.images` is the same by hand.
"""

from hack.images.build import ensure
from hack.images.recipes import NAMES

__all__ = ["NAMES", "ensure"]
