import torch

from syda.model.encoder import RESOLUTION, Encoder


def test_features_are_block_means_and_conditions():
    encoder = Encoder(latent_dim=3, size=2 * RESOLUTION, conditions=2)
    images = torch.rand(4, 1, 2 * RESOLUTION, 2 * RESOLUTION, 2 * RESOLUTION) * 2 - 1
    conditions = torch.randn(4, 2)
    features = encoder.features(images, conditions)
    assert features.shape == (4, RESOLUTION**3 + 2)
    assert torch.allclose(features[:, 0], images[:, 0, :2, :2, :2].mean(dim=(1, 2, 3)), atol=1e-6)
    assert torch.equal(features[:, -2:], conditions)


def test_a_small_volume_is_read_voxel_by_voxel():
    encoder = Encoder(latent_dim=3, size=8, conditions=0)
    images = torch.rand(2, 1, 8, 8, 8)
    features = encoder.features(images, torch.zeros(2, 0))
    assert torch.allclose(features, images.flatten(1), atol=1e-6)


def test_is_the_linear_map_of_its_weights():
    encoder = Encoder(latent_dim=2, size=4, conditions=1)
    encoder.weight[1, -1] = 5.0
    encoder.bias[0] = 7.0
    read = encoder(torch.rand(1, 1, 4, 4, 4), torch.tensor([[2.0]]))
    assert read.tolist() == [[7.0, 10.0]]


def test_rebuilds_from_its_architecture():
    encoder = Encoder(latent_dim=2, size=4, conditions=1)
    assert Encoder(**encoder.architecture).weight.shape == encoder.weight.shape == (2, 65)
