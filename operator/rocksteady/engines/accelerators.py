"""GPUs and other accelerators among a container's resources."""

from collections.abc import Mapping
from typing import Final

ACCELERATORS: Final = (
    "nvidia.com/gpu",
    "amd.com/gpu",
    "gpu.intel.com/i915",
    "gpu.intel.com/xe",
    "habana.ai/gaudi",
)
"""Extended resources of which each unit is one device that a model can be spread over.

Source: kubernetes/website:content/en/docs/tasks/manage-gpus/scheduling-gpus.md and the device
plugins of the vendors.
"""

_NVIDIA: Final = "nvidia.com/"
_NVIDIA_TAINT: Final = "nvidia.com/gpu"

Limits = Mapping[str, str | int]


class AcceleratorError(ValueError):
    """A count of accelerators is not a whole number; the message names the resource."""


def gpu_count(limits: Limits) -> int:
    """How many devices of one pod a model can be spread over.

    A MIG slice (`nvidia.com/mig-*`) is a device of its own, and no engine spreads a model over
    slices, so they are not counted.

    >>> gpu_count({"cpu": "4", "nvidia.com/gpu": "2"})
    2

    Raises:
        AcceleratorError: A count is not a whole number.
    """
    return sum(
        _whole_number(resource, limits[resource]) for resource in ACCELERATORS if resource in limits
    )


def device_taints(limits: Limits) -> tuple[str, ...]:
    """Keys of the taints that keep other pods off the nodes with the devices that are asked for.

    >>> device_taints({"nvidia.com/mig-1g.10gb": 1, "amd.com/gpu": 1})
    ('amd.com/gpu', 'nvidia.com/gpu')
    """
    keys = (_NVIDIA_TAINT if name.startswith(_NVIDIA) else name for name in limits)
    return tuple(sorted({key for key in keys if key in ACCELERATORS}))


def _whole_number(resource: str, quantity: str | int) -> int:
    """The quantity of an extended resource, of which Kubernetes gives whole units only."""
    if isinstance(quantity, int) or quantity.isdigit():
        return int(quantity)
    raise AcceleratorError(
        f"resources.limits[{resource}] is {quantity!r}: accelerators come in whole numbers,"
        " for example '1'"
    )
