import pytest
import torch

import published_networks as published
from syda.metrics.resnet import ResNet
from syda.metrics.weights import PUBLISHED


@pytest.mark.parametrize("depth", [10, 18, 50])
def test_medicalnets_layers_are_monais_with_medicalnets_dilation(depth: int) -> None:
    reference = published.medicalnet(depth)
    network = ResNet(PUBLISHED[f"medicalnet-resnet{depth}"].shape).eval()
    network.load_state_dict(reference.state_dict())
    volumes = torch.randn(2, 1, 20, 24, 28, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        maps = network(volumes)
        assert maps.shape == (2, network.features, 3, 3, 4)
        torch.testing.assert_close(maps.mean(dim=(2, 3, 4)), reference(volumes))


def test_radimagenets_layers_are_a_plain_resnet50() -> None:
    reference = published.RadImageNet()
    network = ResNet(PUBLISHED["radimagenet-resnet50"].shape).eval()
    network.load_state_dict(PUBLISHED["radimagenet-resnet50"].state(reference.state_dict()))
    images = torch.randn(2, 3, 96, 96, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        maps = network(images)
        assert maps.shape == (2, 2048, 3, 3)
        torch.testing.assert_close(maps.mean(dim=(2, 3)), reference(images))
