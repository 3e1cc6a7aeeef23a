import dataclasses

import pytest

from syda.export import model_page


def test_the_front_matter_has_documented_fields_alone(model):
    fields = model_page.read_front_matter(model_page.page(model))
    assert fields == model_page.front_matter(model)
    assert model_page.faults(fields) == []
    assert (fields["license"], fields["license_name"]) == ("other", "not-granted")


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"licence": "mit"}, "licence: not a documented field"),
        ({"tags": "ct"}, "tags: must be a list"),
        ({"license": "mit-2"}, "license: not an identifier of the Hub"),
        ({"license": "mit"}, "license_name and license_link: they belong to license: other, both"),
        ({"license_name": "Not Granted"}, "license_name: must be a lower-case identifier"),
        ({"tags": [3]}, "tags: 3 is no text"),
    ],
)
def test_a_wrong_front_matter_is_named(model, change, fault):
    assert fault in model_page.faults(model_page.front_matter(model) | change)


def test_the_page_says_synthetic_limits_and_figures(model, card):
    page = model_page.page(model)
    assert "> **Synthetic data.** Not for diagnosis" in page
    assert "Nobody has granted terms for the weights." in page
    for row in card.rows("6.limitations"):
        assert row["limitation"]["value"] in page
    kid = card.value("5.figures_holdout.kid.synthetic")
    assert f"| KID | {kid:.4g} |" in page
    assert "copies of training scans" not in page


def test_a_reason_to_release_copies_is_on_the_page(model):
    page = model_page.page(dataclasses.replace(model, allow_copies="All of them are phantoms."))
    assert "**A privacy test found copies of training scans.**" in page
    assert "All of them are phantoms." in page
