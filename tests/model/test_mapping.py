import torch

from syda.model.mapping import Mapping, normalize_second_moment


def test_second_moment_is_one():
    z = normalize_second_moment(torch.tensor([[3.0, 4.0], [1e3, 0.0]]))
    torch.testing.assert_close(z.square().mean(dim=1), torch.ones(2))


def test_scale_of_z_does_not_matter():
    torch.manual_seed(0)
    mapping = Mapping(96, 8, 0.01)
    z = torch.randn(4, 96)
    torch.testing.assert_close(mapping(z), mapping(7 * z))


def test_w_keeps_its_scale_through_eight_layers():
    torch.manual_seed(0)
    w = Mapping(96, 8, 0.01)(torch.randn(1024, 96))
    assert 0.5 < w.square().mean() < 2
