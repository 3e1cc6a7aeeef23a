import json

from syda.expectations import report
from syda.expectations.report import Part
from syda.expectations.runner import Failure, Result
from syda.expectations.tables import Row


def result(verdict="passed", failing=(), sentence="Voxels measure 1.5 mm."):
    return Result("spacing", sentence, verdict, "1.5 mm in 2 volumes", tuple(failing))


def part(*results):
    rows = [Row("a", spacing_i=1.5), Row("b", spacing_i=2.0)]
    return Part("Scans", "data/resampled", rows, results)


def test_the_first_failing_rule_and_case_are_named_in_one_line():
    failing = [Failure("b", {"spacing_i": 2.0}), Failure("c", {"spacing_i": None})]
    line = report.first_failure([part(result(), result("failed", failing))])
    assert line == (
        "data/resampled: case b (voxel size along i is 2 mm) "
        'breaks the rule "Voxels measure 1.5 mm"'
    )


def test_a_rule_about_the_set_is_named_with_what_was_observed():
    line = report.first_failure([part(result("failed"))])
    assert line == (
        'data/resampled breaks the rule "Voxels measure 1.5 mm" (observed: 1.5 mm in 2 volumes)'
    )


def test_nothing_failed_is_success():
    assert report.first_failure([part(result(), result("not checked"))]) is None
    assert report.document("resampled", [part(result())])["success"] is True


def test_the_summary_leaves_out_unreadable_files_and_unmeasured_columns():
    rows = [Row("a", hu_min=-1000.0), Row("b", hu_min=-900.0), Row("c", fault="cut", hu_min=5.0)]
    assert report.summary(rows) == {"hu_min": {"min": -1000, "median": -950, "max": -900}}


def test_the_page_lists_a_few_failures_and_json_all():
    failing = [Failure(f"case{n:02d}", {"spacing_i": 2.0}) for n in range(report.SHOWN + 5)]
    parts = [part(result("failed", failing))]
    page = report.markdown("resampled", parts)
    assert f"case{report.SHOWN - 1:02d}" in page
    assert f"case{report.SHOWN:02d}" not in page
    assert "and 5 more" in page
    rules = report.document("resampled", parts)["parts"][0]["rules"]
    assert len(rules[0]["failing"]) == report.SHOWN + 5


def test_text_of_a_file_stays_text():
    failing = [Failure("a|<b>`c`\n# d", {"fault": "<script>"})]
    page = report.markdown("resampled", [part(result("failed", failing))])
    assert "<script>" not in page.replace("\\<", "")
    assert "\n# d" not in page


def test_the_document_is_plain_json():
    failing = [Failure("b", {"spacing_i": None})]
    json.dumps(report.document("resampled", [part(result("failed", failing))]), allow_nan=False)
