"""The report's code runs, on a tiny network whose figures mean nothing."""

import re

from small_generator import release, sizes_of, small_generator
from syda.export.onnx_graph import HuGenerator, to_onnx
from syda.model.conditions import ConditionSchema
from syda.sampling.generation import load_generator

from . import release as bench


def test_the_report_has_a_row_of_each_runtime_and_the_start_of_both(tmp_path):
    conditions = ConditionSchema.fit([{"fat_share": 0.1 * n} for n in range(9)], ["fat_share"])
    weights, model = tmp_path / "weights", tmp_path / "generator.onnx"
    release(weights, small_generator(conditions), conditions, sizes_of([3.0, 3.75]))
    sampler = load_generator(weights).sampler
    graph = to_onnx(HuGenerator(sampler.generator, sampler.conditions, sampler.space), {})
    model.write_bytes(graph)
    page = bench.page(weights, model, rounds=1, in_a_row=1)
    rows = [line for line in page.splitlines() if line.startswith("| ")][2:]
    assert [row.split(" | ")[0] for row in rows] == [
        "| onnxruntime, float32",
        "| torch, float32",
        "| torch, bfloat16",
    ]
    assert rows[0].endswith("| 1.00 |")
    assert re.search(r"after \d+\.\d s with onnxruntime, and after\n\d+\.\d s with torch", page)
    assert str(tmp_path) not in page
