import numpy as np
import pytest

from syda.errors import CheckFailed
from syda.export import onnx_check
from syda.export.onnx_graph import to_onnx

pytestmark = pytest.mark.slow  # the exporter takes seconds


def test_a_graph_of_the_same_weights_passes(graph, model):
    assert 0 < onnx_check.largest_difference(graph, model.generator, range(2)) < 1e-5


def test_a_graph_of_other_weights_is_refused(model):
    other = model.module()
    other.generator.synthesis.to_image.bias += 0.001
    with pytest.raises(
        CheckFailed, match=r"onnxruntime and torch differ by .* nothing is released"
    ):
        onnx_check.largest_difference(to_onnx(other, {}), model.generator, range(1))


def test_a_row_has_numbers_then_categories(model):
    conditions = model.generator.sampler.conditions
    row = onnx_check.row(conditions, {"body_width_mm": 310.0, "fat_share": None, "sex": "M"})
    np.testing.assert_equal(row, [310.0, np.nan, 0.0, 1.0])
