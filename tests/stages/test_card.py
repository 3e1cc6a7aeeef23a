"""Stage card: what it refuses, and what holds for every card that it writes."""

import hashlib
import html
import json
import re
import shutil
from pathlib import Path

import pytest

from card_reports import MS_SSIM, PNG, details, fill, metric, prepare, run
from syda import paths
from syda.card import build
from syda.card.inputs import PICTURES
from syda.errors import CheckFailed, CorruptData, UsageError
from syda.runtime.outputs import write_json

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def root(tmp_path):
    return prepare(tmp_path)


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    """Root, page and card.json of an untouched run; read only."""
    root = prepare(tmp_path_factory.mktemp("clean"))
    return root, *run(root)


def test_a_required_field_without_a_home_is_refused(root):
    text = (root / paths.POLICY).read_text()
    (root / paths.POLICY).write_text(text.replace('"9": [consent, ', '"9": [consent, form, '))
    with pytest.raises(UsageError, match=r"policy\.yaml: required: 9\.form: the card has no such"):
        run(root)


def test_the_data_versions_page_belongs_to_what_is_signed_in_section_2(root):
    _, before = run(root)

    def one_more(contents):
        contents[paths.CONVERT_REPORT]["sex"]["F"] += 1

    fill(root, one_more)
    _, after = run(root)
    assert after["status"]["2"]["digest"] != before["status"]["2"]["digest"]
    others = [number for number in before["status"] if number != "2"]
    assert [after["status"][n]["digest"] for n in others] == [
        before["status"][n]["digest"] for n in others
    ]


def test_a_metric_that_no_file_registers_is_refused(root):
    def add(contents):
        details = contents[paths.EVALUATION / "details.json"]
        details["metrics"]["beauty"] = metric("Beauty", "higher", {"judge": "nobody"})

    fill(root, add)
    with pytest.raises(CorruptData, match="no metric has the key beauty"):
        run(root)


def sign(root, number, digest):
    entry = {
        "section": number, "name": "A | B <i>", "role": "clinical lead", "date": "DATE",
        "meaning": "*read*", "digest": digest,
    }  # fmt: skip
    text = json.dumps({"signoffs": [entry]}).replace('"DATE"', "2026-01-31")
    (root / paths.SIGNOFFS).write_text(text)


def test_a_sign_off_holds_until_the_text_of_its_section_changes(root):
    _, before = run(root)
    sign(root, "7", before["status"]["7"]["digest"])
    page, document = run(root)
    status = document["status"]["7"]
    assert (status["state"], status["signoffs"][0]["stale"]) == ("awaiting", False)
    who = r"A \| B &lt;i&gt;, clinical lead, 2026-01-31: \*read\*"
    assert f"(#s7) | 1 of 1 values missing; signed off: clinical lead, 2026-01-31 | {who} |" in page
    others = {n: s for n, s in document["status"].items() if n != "7"}
    assert others == {n: s for n, s in before["status"].items() if n != "7"}

    text = (root / paths.DECLARED).read_text()
    changed = re.sub("^clinical_evaluation:.*$", "clinical_evaluation: a study", text, flags=re.M)
    (root / paths.DECLARED).write_text(changed)
    page, document = run(root)
    status = document["status"]["7"]
    assert (status["state"], status["signoffs"][0]["stale"]) == ("stale sign-off", True)
    assert "(#s7) | stale sign-off: clinical lead, 2026-01-31; complete |" in page
    assert f"{who} (stale: the text has changed) |" in page


def test_the_digest_of_a_section_is_that_of_the_text_on_the_page(clean):
    _, page, document = clean

    def between(first, last):
        start = page.index(f'<a id="{first}"></a>')
        return page[start : page.index(f'<a id="{last}"></a>', start)].strip()

    text = f"{between('s3', 's4')}\n\n{between('e3', 'e4')}"
    assert "## 3 Evaluation data" in text
    assert document["status"]["3"]["digest"] == hashlib.sha256(text.encode()).hexdigest()


def test_a_parameter_belongs_to_what_is_signed_in_section_4(root):
    _, before = run(root)
    path = root / paths.manifest("generate")
    content = json.loads(path.read_text())
    content["params"]["generate"]["truncation"] = 0.7
    write_json(path, content)
    _, after = run(root)
    changed = {n for n in before["status"] if after["status"][n] != before["status"][n]}
    assert changed == {"4"}


def test_the_first_page_has_the_digests_of_values_and_evidence(clean):
    root, page, _ = clean
    for path in (paths.CARD_JSON, paths.EVIDENCE):
        assert f"`{hashlib.sha256((root / path).read_bytes()).hexdigest()}`" in page


def test_all_links_and_anchors_resolve(clean):
    root, page, _ = clean
    ids = re.findall(r'<a id="([^"]+)"></a>', page)
    assert len(ids) == len(set(ids)) == 40
    targets = re.findall(r"\]\(([^)]+)\)", page)
    linked = {target.partition("#")[2] for target in targets} - {""}
    assert {f"s{number}" for number in range(1, 11)} <= linked <= set(ids)
    made_elsewhere = {"synthetic.png", "training_curves.png", "hu_histogram.png"}
    pages = {"resampled.md", "records.md", "synthetic.md"}
    for target in targets:
        if not target.startswith("#") and Path(target).name not in made_elsewhere | pages:
            file = root / "model_card" / target.partition("#")[0]
            assert file.resolve().is_file() or (REPOSITORY / "model_card" / target).is_file(), (
                target
            )


def test_no_bare_placeholder_and_no_hole(clean):
    _, page, _ = clean
    for line in page.splitlines():
        assert not re.search(r"\b(TBD|TODO|N\.A|N/A|None|nan|inf|Undefined)\b", line), line
        if line.startswith("|") and "---" not in line:
            assert all(cell.strip() not in ("-", "here") for cell in line.strip("|").split("|"))


def test_the_same_inputs_give_the_same_bytes(root, tmp_path_factory):
    run(root)
    twin = tmp_path_factory.mktemp("elsewhere") / "clone"
    shutil.copytree(root, twin)
    run(twin)
    for path in build.OUTPUTS:
        assert (root / path).read_bytes() == (twin / path).read_bytes()
        assert str(root).encode() not in (root / path).read_bytes()


EVALUATED = (paths.METRICS, paths.EVALUATION / "details.json")


@pytest.mark.parametrize("path", EVALUATED, ids=lambda path: path.stem)
@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_metric_that_is_no_finite_number_is_refused(root, path, number):
    text = (root / path).read_text()
    (root / path).write_text(text.replace("0.4123456", number))
    with pytest.raises(CorruptData, match=re.escape(path.name)):
        run(root)
    assert not (root / paths.CARD).exists()


EVIL = "a | b\n\n# c <script>taken</script> `d` ](javascript:e) ![f](//g) <img src=x onerror=h>"


def test_no_value_becomes_markup_on_either_page(root):
    """In what a report says, in what people declare, and in a name."""
    run(root)
    tags = re.findall("<[^>]*>", (root / paths.CARD_HTML).read_text())
    text = (root / paths.DECLARED).read_text()
    for key in ("author", "intended_use", "project_name"):
        text = re.sub(
            f"^{key}:.*(\n  .*)*$",
            f"{key}: {json.dumps(EVIL)}".replace("\\", r"\\"),
            text,
            flags=re.M,
        )
    (root / paths.DECLARED).write_text(text)

    def edit(contents):
        contents[paths.EVALUATION / "details.json"]["metrics"][MS_SSIM]["title"] = EVIL
        contents[paths.CONVERT_REPORT]["manufacturer"] = {EVIL: 64}

    fill(root, edit)
    page, _ = run(root)
    shown = (root / paths.CARD_HTML).read_text()
    for found in (page, shown):
        assert "<script" not in found
        assert "<img src=x" not in found
        assert found.count("taken") > 2
    assert not re.search(r"(?<!\\)\]\((?!\.\./|#|(data_version|evidence|model_card)\.md)", page)
    for table in re.findall(r"(?:^\|.*\|$\n)+", page, flags=re.M):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1
    assert html.unescape(shown.replace("<wbr>", "")).count(" ".join(EVIL.split())) > 2
    allowed = {tag.split(" ")[0] for tag in tags}
    assert {tag.split(" ")[0] for tag in re.findall("<[^>]*>", shown)} <= allowed
    assert {*re.findall(r'href="(?!#)(.*?)"', shown)} == set()


def test_another_picture_than_the_evaluation_drew_is_refused(root):
    (root / PICTURES[0]).write_bytes(PNG)
    with pytest.raises(CheckFailed, match=r"synthetic\.png is not what stage evaluate wrote"):
        run(root)


@pytest.mark.parametrize("path", EVALUATED, ids=lambda path: path.stem)
def test_a_figure_edited_by_hand_is_refused(root, path):
    text = (root / path).read_text()
    (root / path).write_text(text.replace("0.4123456", "0.3123456"))
    with pytest.raises(CheckFailed, match=f"{path.name} is not what stage evaluate wrote"):
        run(root)


def test_stages_of_different_runs_are_refused(root):
    path = root / paths.manifest("train")
    content = json.loads(path.read_text())
    content["reads"]["data/records"]["sha256"] = "0" * 64
    write_json(path, content)
    with pytest.raises(CheckFailed, match="train read another data/records than pack wrote"):
        run(root)


def test_a_missing_metric_is_refused(root):
    fill(root, lambda contents: details(contents)["figures"]["holdout"].pop(MS_SSIM))
    with pytest.raises(CorruptData, match="different metrics"):
        run(root)


def test_a_missing_input_is_wrong_use(root):
    (root / paths.PACK_REPORT).unlink()
    with pytest.raises(UsageError, match=r"reports/pack\.json does not exist"):
        run(root)
