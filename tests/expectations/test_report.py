import json

from syda.expectations import report
from syda.expectations.report import Part
from syda.expectations.results import Failure, Result
from syda.expectations.tables import Row


def result(verdict="passed", failing=(), sentence="Voxels measure 1.5 mm.", severity="critical"):
    return Result("spacing", sentence, severity, verdict, "1.5 mm in 2 volumes", tuple(failing))


def part(*results):
    rows = [Row("a", spacing_i=1.5), Row("b", spacing_i=2.0)]
    return Part("Scans", "data/resampled", rows, results)


def test_the_first_failing_rule_and_case_are_named_in_one_line():
    failing = [Failure("b", {"spacing_i": 2.0}), Failure("c", {"spacing_i": None})]
    line = report.first_failure([part(result(), result("failed", failing))])
    assert line == (
        "data/resampled: case b (voxel size along i is 2 mm) "
        'breaks the rule "Voxels measure 1.5 mm", and so does 1 more'
    )


def test_a_rule_about_the_set_is_named_with_what_was_observed():
    line = report.first_failure([part(result("failed"))])
    assert line == (
        'data/resampled breaks the rule "Voxels measure 1.5 mm" (observed: 1.5 mm in 2 volumes)'
    )


def test_nothing_failed_is_success():
    assert report.first_failure([part(result(), result("not checked"))]) is None
    assert report.document("resampled", [part(result())])["success"] is True


def test_a_warning_is_reported_and_is_no_failure():
    failing = [Failure("b", {"air_share": 0.0051})]
    parts = [part(result(), result("failed", failing, "Air.", "warning"), result("not checked"))]
    assert report.first_failure(parts) is None
    line = 'data/resampled: case b (share of voxels below -900 HU is 0.51 %) breaks the rule "Air"'
    assert report.warnings(parts) == [line]
    document = report.document("resampled", parts)
    assert (document["success"], document["warnings"]) == (True, 1)
    assert [rule["severity"] for rule in document["parts"][0]["rules"]] == [
        "critical",
        "warning",
        "critical",
    ]
    page = report.markdown("resampled set", parts)
    assert "**Passed, with warnings.**" in page
    assert "Warnings, which stop nothing: 1." in page
    assert "Not checked, for the reason in the column observed: 1." in page
    assert "| Air. | warning | 1.5 mm in 2 volumes | failed |" in page
    assert "### Breaks the rule (warning): Air." in page


def test_every_critical_failure_stands_at_the_top_of_the_page():
    parts = [part(result("failed", sentence="One."), result("failed", sentence="Two."))]
    page = report.markdown("resampled set", parts)
    assert "**Failed.** Critical rules that do not hold: 2." in page
    top = page.split("## Scans")[0]
    assert 'breaks the rule "One"' in top
    assert 'breaks the rule "Two"' in top


def test_voxel_sizes_of_a_case_are_one_figure():
    failing = [Failure("b", {"spacing_i": 2.0, "spacing_j": None, "spacing_k": 1.5})]
    assert "case b (voxels measure 2 x ? x 1.5 mm)" in report.first_failure(
        [part(result("failed", failing))]
    )


def test_the_summary_leaves_out_unreadable_files_and_unmeasured_columns():
    rows = [Row("a", hu_min=-1000.0), Row("b", hu_min=-900.0), Row("c", fault="cut", hu_min=5.0)]
    assert report.summary(rows) == {"hu_min": {"min": -1000, "median": -950, "max": -900}}


def test_the_page_lists_a_few_failures_and_json_all():
    failing = [Failure(f"case{n:02d}", {"spacing_i": 2.0}) for n in range(report.SHOWN + 5)]
    parts = [part(result("failed", failing))]
    page = report.markdown("resampled set", parts)
    assert f"case{report.SHOWN - 1:02d}" in page
    assert f"case{report.SHOWN:02d}" not in page
    assert "and 5 more" in page
    assert f"case{report.SHOWN + 4:02d}" in report.markdown("folder", parts, shown=None)
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
