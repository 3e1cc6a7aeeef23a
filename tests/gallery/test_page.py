import base64
import hashlib
import json
import re
from dataclasses import replace

import pytest

from syda.gallery import item, page

EVIL = """</script><script>window.taken = 1</script><img src=x onerror="window.taken = 1">'"&amp;"""


def page_data(text):
    (block,) = re.findall(r'<script type="application/json" id="page-data">(.*?)</script>', text)
    return json.loads(block)


def test_the_same_items_give_the_same_page(items, scale):
    assert page.render(items, scale) == page.render(items, scale)


def test_the_page_names_nothing_outside_itself(items, scale):
    text = page.render(items, scale)
    assert not re.search(
        r"""(?:src|href|action)\s*=|url\(|@import|\bimport\b|https?:|//[a-z]""", text
    )


def test_only_the_style_and_script_of_the_page_may_run(items, scale):
    text = page.render(items, scale)
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)
    policy = dict(rule.split(" ", 1) for rule in policy.replace("&#39;", "'").split("; "))
    assert policy.pop("default-src") == "'none'"
    assert policy.pop("base-uri") == policy.pop("form-action") == "'none'"
    for tag, directive in (("style", "style-src"), ("script", "script-src")):
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, flags=re.S)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert policy.pop(directive) == f"'sha256-{digest}'"
    assert policy == {}
    assert "innerHTML" not in text


def test_values_are_escaped_wherever_they_stand(blocks, description, scale):
    description["properties"]["requested"] = {EVIL: EVIL}
    one = item.synthetic(blocks, description, scale)
    other = item.real(blocks, EVIL, "holdout", {"sex": EVIL}, scale)
    text = page.render([one, other], scale, note=EVIL)
    assert "<img" not in text
    assert "window.taken = 1</script>" not in text
    shown = page_data(text)["items"]
    assert shown[0]["rows"][-2][1] == EVIL
    assert shown[1]["name"] == f"Case {EVIL}"


def test_every_item_is_in_the_list_of_its_kind_and_brings_its_voxels(items, scale):
    text = page.render(items, scale, note="Two of two.")
    sides = re.findall(r'<section class="side" data-kind="(\w+)".*?</section>', text, flags=re.S)
    assert sides == ["synthetic", "real"]
    assert re.findall("<option>(.*?)</option>", text) == ["Seed 3", "Seed 4", "Case c0"]
    blocks = re.findall(r'<script type="text/plain" id="voxels-(\d)">(.*?)</script>', text)
    assert blocks == [(str(n), one.voxels) for n, one in enumerate(items)]
    assert "<p>Two of two.</p>" in text


def test_the_field_holds_every_volume(items, scale):
    assert page_data(page.render(items, scale))["field"] == [340, 180, 100]


@pytest.mark.parametrize("fitting", range(4))
def test_as_many_are_shown_as_fit_by_turns(items, scale, fitting):
    items = [replace(one, voxels="A" * 10_000) for one in items]
    kinds = [items[:2], items[2:]]
    order = [items[0], items[2], items[1]]
    limit = len(page.render(order[:fitting], scale).encode()) + 2000
    selected = list(page.select(kinds, scale, limit))
    assert selected == order[:fitting]
    assert len(page.render(selected, scale).encode()) <= limit


def luminance(colour):
    channels = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("ground", ["ground", "surface"])
@pytest.mark.parametrize("text", ["text", "quiet", "synthetic", "real", "focus"])
def test_text_stands_out_from_its_ground(items, scale, text, ground):
    """WCAG 2.2, 1.4.6: a contrast of seven to one."""
    colours = dict(re.findall(r"--(\w+): (#\w{6});", page.render(items, scale)))
    lighter, darker = luminance(colours[text]), luminance(colours[ground])
    assert (lighter + 0.05) / (darker + 0.05) >= 7
