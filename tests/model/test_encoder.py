import torch

from syda.model.encoder import SIDE, Encoder


def test_reads_tones_of_blocks_and_properties():
    encoder = Encoder(latent=3, size=2 * SIDE, conditions=2)
    images = torch.rand(4, 1, 2 * SIDE, 2 * SIDE, 2 * SIDE) * 2 - 1
    told = torch.randn(4, 2)
    features = encoder.features(images, told)
    assert features.shape == (4, SIDE**3 + 2)
    assert torch.allclose(features[:, 0], images[:, 0, :2, :2, :2].mean(dim=(1, 2, 3)), atol=1e-6)
    assert torch.equal(features[:, -2:], told)


def test_a_small_volume_is_read_voxel_by_voxel():
    encoder = Encoder(latent=3, size=8, conditions=0)
    images = torch.rand(2, 1, 8, 8, 8)
    features = encoder.features(images, torch.zeros(2, 0))
    assert torch.allclose(features, images.flatten(1), atol=1e-6)


def test_is_the_linear_map_of_its_weights():
    encoder = Encoder(latent=2, size=4, conditions=1)
    encoder.weight[1, -1] = 5.0
    encoder.bias[0] = 7.0
    read = encoder(torch.rand(1, 1, 4, 4, 4), torch.tensor([[2.0]]))
    assert read.tolist() == [[7.0, 10.0]]


def test_rebuilds_from_its_architecture():
    encoder = Encoder(latent=2, size=4, conditions=1)
    assert Encoder(**encoder.architecture).weight.shape == encoder.weight.shape == (2, 65)
