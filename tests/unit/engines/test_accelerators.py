import pytest

from rocksteady.engines.accelerators import AcceleratorError, device_taints, gpu_count


@pytest.mark.parametrize(
    ("limits", "count", "taints"),
    [
        pytest.param({"cpu": "4", "memory": "8Gi"}, 0, (), id="no devices"),
        pytest.param({"nvidia.com/gpu": "2"}, 2, ("nvidia.com/gpu",), id="a quantity in text"),
        pytest.param({"amd.com/gpu": 8}, 8, ("amd.com/gpu",), id="a number"),
        pytest.param(
            {"nvidia.com/mig-3g.40gb": "2"},
            0,
            ("nvidia.com/gpu",),
            id="slices are on tainted nodes, but no model is spread over them",
        ),
    ],
)
def test_gpu_count__counts_devices(
    limits: dict[str, str | int], count: int, taints: tuple[str, ...]
) -> None:
    assert gpu_count(limits) == count
    assert device_taints(limits) == taints


@pytest.mark.parametrize("quantity", ["500m", "1.5", "1Gi"])
def test_gpu_count__refuses_parts_of_a_device_and_says_which(quantity: str) -> None:
    with pytest.raises(AcceleratorError, match=r"nvidia\.com/gpu.*whole numbers"):
        gpu_count({"nvidia.com/gpu": quantity})
