"""The page in headless Chromium, opened from disk: what is seen, and what each control does.

The volumes are eight blocks, so that the grey of each quarter of an image is known exactly, and
with it which side of the patient is where.
"""

import base64
import io
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.image import imread

from syda.gallery import item, page

SIDES = ("synthetic", "real")
PLANES = ("axial", "coronal", "sagittal")
RIGHT, FRONT, HEAD = 100, 40, 20
MARK_COLOURS = {"synthetic": (240, 180, 41), "real": (107, 188, 240)}
FIELD = {"axial": (340, 180), "coronal": (340, 100), "sagittal": (180, 100)}


@pytest.fixture
def path(items, scale, tmp_path):
    file = tmp_path / "gallery.html"
    file.write_text(page.render(items, scale, note="Made for a test."), encoding="utf-8")
    return file


@pytest.fixture
def viewer(browser, path):
    browser.open(path)
    return browser


def selector(side, plane, what):
    return f"[data-kind={side}] [data-plane={plane}] {what}"


def pixels(viewer, side, plane):
    """``[row, column, RGB]`` of an image."""
    width, height, flat = viewer.js(
        f"""(() => {{
            const canvas = document.querySelector("{selector(side, plane, "canvas")}");
            const {{ width, height }} = canvas;
            const data = canvas.getContext("2d").getImageData(0, 0, width, height).data;
            return [width, height, btoa(Array.from(data, (c) => String.fromCharCode(c)).join(""))];
        }})()"""
    )
    rgba = np.frombuffer(base64.b64decode(flat), np.uint8).reshape(height, width, 4)
    assert (rgba[..., 3] == 255).all()
    return rgba[..., :3].astype(int)


def grey(hu, width, level):
    return int(np.clip(np.floor((hu - (level - width / 2)) / width * 255 + 0.5), 0, 255))


def quarters(image, size_mm, field):
    """Grey in the four quarters: left and right of the upper row, then of the lower one."""
    height, width = image.shape[:2]
    (across, up), (wide, high) = size_mm, field
    x, y = width * across / wide / 4, height * up / high / 4
    places = [(-1, -1), (1, -1), (-1, 1), (1, 1)]
    found = [image[int(height / 2 + v * y * 0.9), int(width / 2 + u * x * 0.9)] for u, v in places]
    assert all(len(set(colour)) == 1 for colour in found)
    return [int(colour[0]) for colour in found]


def state(viewer, side):
    """Slice numbers of the three planes."""
    return [
        viewer.js(f"document.querySelector('{selector(side, plane, 'output')}').value")
        for plane in PLANES
    ]


def focus(viewer, css):
    viewer.js(f"document.querySelector('{css}').focus()")


def choose(viewer, window):
    viewer.js(f"document.querySelector('input[value=\"{window}\"]').click()")


def window_position(viewer, side, plane, x, y):
    """Where a share of an image's width and height is in the window, CSS pixels."""
    left, top, width, height = viewer.js(
        f"""(() => {{
            const canvas = document.querySelector("{selector(side, plane, "canvas")}");
            const box = canvas.getBoundingClientRect();
            return [box.left, box.top, box.width, box.height];
        }})()"""
    )
    return left + x * width, top + y * height


# --- what is seen


@pytest.mark.parametrize("window", page.WINDOWS)
def test_each_plane_is_the_right_way_round_in_each_window(viewer, window):
    """At the middle slices, which lie on the right, in front and on the side of the head."""
    choose(viewer, window)
    expected = {
        "axial": [FRONT + RIGHT, FRONT, RIGHT, 0],
        "coronal": [HEAD + RIGHT, HEAD, RIGHT, 0],
        "sagittal": [HEAD + FRONT, HEAD, FRONT, 0],
    }
    cut = {"axial": HEAD, "coronal": FRONT, "sagittal": RIGHT}
    sizes = {"synthetic": (320, 160, 80), "real": (200, 100, 60)}
    for side, (x, y, z) in sizes.items():
        extent = {"axial": (x, y), "coronal": (x, z), "sagittal": (y, z)}
        for plane in PLANES:
            image = pixels(viewer, side, plane)
            shown = quarters(image, extent[plane], FIELD[plane])
            hu = [10 + cut[plane] + value for value in expected[plane]]
            assert shown == [grey(value, *page.WINDOWS[window]) for value in hu], (side, plane)


def test_all_images_have_one_scale_in_millimetres(viewer):
    choose(viewer, "lung")
    sizes = {"synthetic": (320, 160, 80), "real": (200, 100, 60)}
    scales = set()
    for side, (x, y, z) in sizes.items():
        for plane, extent in {"axial": (x, y), "coronal": (x, z), "sagittal": (y, z)}.items():
            image = pixels(viewer, side, plane)
            lit = (image == image[..., :1]).all(axis=-1) & (image[..., 0] > 0)
            row, column = image.shape[0] // 3, image.shape[1] // 3  # clear of letters and cross
            across, up = lit[row].sum(), lit[: image.shape[0] // 2, column].sum() * 2
            scale = image.shape[1] / FIELD[plane][0]
            assert across == pytest.approx(extent[0] * scale, abs=6)  # the cross takes some
            assert up == pytest.approx(extent[1] * scale, abs=6)
            scales.add(round(scale, 1))
    assert len(scales) == 1


def test_each_image_says_what_it_is(viewer):
    for side in SIDES:
        for plane in PLANES:
            image = pixels(viewer, side, plane)
            band = image[-24:]
            written = {s: (np.abs(band - c).sum(-1) < 30).sum() for s, c in MARK_COLOURS.items()}
            other = SIDES[side == "synthetic"]
            assert written[side] > 200
            assert written[other] == 0
            label = f"document.querySelector('{selector(side, plane, 'canvas')}').ariaLabel"
            assert viewer.js(label).startswith(f"{page.MARKS[side]}. ")


def test_letters_stand_at_their_rims(browser, path):
    spy = """const write = CanvasRenderingContext2D.prototype.fillText;
        window.written = {};
        CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {
            const at = this.canvas.parentElement.dataset.plane;
            (window.written[at] ??= {})[text] = [x / this.canvas.width, y / this.canvas.height];
            return write.call(this, text, x, y);
        };"""
    script = browser.call("Page.addScriptToEvaluateOnNewDocument", source=spy)["identifier"]
    browser.open(path)
    rims = {"axial": "RLAP", "coronal": "RLHF", "sagittal": "APHF"}
    for plane, (left, right, top, bottom) in rims.items():
        at = browser.js(f"window.written.{plane}")
        assert at.keys() - {"5 cm"} == {left, right, top, bottom, *page.MARKS.values()}
        assert at[left][0] < 0.1
        assert at[right][0] > 0.9
        assert at[left][1] == at[right][1] == at[top][0] == at[bottom][0] == 0.5
        assert at[top][1] < 0.1
        assert at[bottom][1] > 0.6
    browser.call("Page.removeScriptToEvaluateOnNewDocument", identifier=script)


def test_a_screenshot_shows_both_sides_with_their_marks(viewer):
    shot = (imread(io.BytesIO(viewer.screenshot()))[..., :3] * 255).round().astype(int)
    assert shot.shape == (1000, 1400, 3)
    for side, half in zip(SIDES, (shot[:, :700], shot[:, 700:]), strict=True):
        assert (np.abs(half - MARK_COLOURS[side]).sum(-1) < 30).sum() > 600
    light = grey(10 + HEAD + FRONT + RIGHT, *page.WINDOWS["abdomen"])
    x, y = (int(value) for value in window_position(viewer, "synthetic", "axial", 0.25, 0.3))
    assert set(shot[y, x]) == {light}


def test_facts_and_properties_of_a_volume_are_listed(viewer):
    facts = "[...document.querySelectorAll('[data-kind={} ] .facts li')].map((e) => e.textContent)"
    assert viewer.js(facts.format("synthetic"))[0] == "Seed 3, truncation 0.7"
    assert viewer.js(facts.format("real"))[:2] == ["Case c0", "Split holdout"]
    rows = "[...document.querySelectorAll('[data-kind=synthetic] tr')].map((e) => e.innerText)"
    assert viewer.js(rows)[:2] == ["Property\tRequested\tMeasured", "body width\t330 mm\t318.2 mm"]


# --- what the controls do


def test_a_slider_is_moved_by_keyboard_and_the_other_side_follows(viewer):
    before = pixels(viewer, "synthetic", "axial")
    assert state(viewer, "synthetic") == ["6 / 10", "11 / 20", "21 / 40"]
    assert state(viewer, "real") == ["16 / 30", "26 / 50", "51 / 100"]
    focus(viewer, selector("synthetic", "axial", "input"))
    viewer.press("ArrowLeft")
    assert state(viewer, "synthetic") == ["5 / 10", "11 / 20", "21 / 40"]
    assert state(viewer, "real")[0] == "14 / 30"  # 4 mm below the middle, as there
    after = pixels(viewer, "synthetic", "axial")
    assert (before != after).mean() > 0.3


def test_each_side_alone(viewer):
    focus(viewer, "#together")
    viewer.js("document.querySelector('#together').click()")
    focus(viewer, selector("real", "coronal", "input"))
    viewer.press("ArrowRight")
    assert state(viewer, "real") == ["16 / 30", "27 / 50", "51 / 100"]
    assert state(viewer, "synthetic") == ["6 / 10", "11 / 20", "21 / 40"]


def test_the_wheel_turns_slices_and_stops_at_the_last(viewer, path):
    viewer.open(path, height=500)
    assert viewer.js("document.documentElement.scrollHeight") > 600
    number = f"document.querySelector('{selector('synthetic', 'axial', 'output')}').value"
    for turns, by, last in ((8, 120, "1 / 10"), (11, -120, "10 / 10")):
        for _ in range(turns):
            viewer.scroll(*window_position(viewer, "synthetic", "axial", 0.5, 0.5), by)
        viewer.wait(f"{number} === '{last}'")
        viewer.js("new Promise((done) => setTimeout(done, 300))")  # a page scrolls in its own time
        assert viewer.js("window.scrollY") == 0


def test_a_click_moves_the_cross(viewer):
    x = 0.5 - 72 / 340  # 72 mm to the patient's right of the middle
    y = 0.5 + 36 / 180  # 36 mm behind it
    viewer.click(*window_position(viewer, "synthetic", "axial", x, y))
    assert state(viewer, "synthetic") == ["6 / 10", "6 / 20", "30 / 40"]
    assert state(viewer, "real") == ["18 / 30", "8 / 50", "89 / 100"]


def test_the_window_is_changed_by_keyboard(viewer):
    before = pixels(viewer, "real", "axial")
    focus(viewer, "input[name=window]")
    for window in ["soft tissue", "bone", "lung"]:
        viewer.press("ArrowRight")
        assert viewer.js("tools.elements.window.value") == window
        after = pixels(viewer, "real", "axial")
        assert (before != after).mean() > 0.2
        before = after


def test_the_next_volume_is_shown_where_the_cross_was(viewer):
    focus(viewer, selector("synthetic", "axial", "input"))
    viewer.press("ArrowLeft")
    before = pixels(viewer, "synthetic", "sagittal")
    viewer.js("document.querySelector('[data-kind=synthetic] [data-step=\"1\"]').click()")
    viewer.wait("sides[0].volume.name === 'Seed 4'")
    assert state(viewer, "synthetic")[0] == "5 / 10"
    assert (pixels(viewer, "synthetic", "sagittal") != before).mean() > 0.3
    viewer.js("document.querySelector('[data-kind=synthetic] [data-step=\"1\"]').click()")
    viewer.wait("sides[0].volume.name === 'Seed 3'")


def test_unsmoothed_voxels_have_hard_edges(viewer):
    def greys():
        image = pixels(viewer, "synthetic", "axial")
        return len(np.unique(image[image.shape[0] // 3, :, 0]))

    smooth = greys()
    viewer.js("document.querySelector('#smooth').click()")
    assert greys() < smooth


# --- what it promises


def test_no_request_leaves_the_page_and_nothing_is_complained_of(viewer, path):
    for window in page.WINDOWS:
        choose(viewer, window)
    events = viewer.seen()
    requests = [e["params"] for e in events if e["method"] == "Network.requestWillBeSent"]
    assert [request["request"]["url"] for request in requests] == [path.as_uri()]
    complaints = {"Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"}
    assert [event for event in events if event["method"] in complaints] == []


@pytest.mark.parametrize(
    "attempt",
    [
        "fetch('http://127.0.0.1:9/')",
        "new Promise((done, fail) => Object.assign(new Image(), "
        "{ onload: done, onerror: fail, src: 'http://127.0.0.1:9/x.png' }))",
        "import('http://127.0.0.1:9/x.js')",
    ],
)
def test_its_policy_forbids_requests(viewer, attempt):
    """Nothing answers at that port: it is the policy that says no."""
    viewer.js(
        "window.forbidden = 0;"
        "document.addEventListener('securitypolicyviolation', () => { window.forbidden += 1; })"
    )
    assert viewer.js(f"{attempt}.then(() => 'done', () => 'refused')") == "refused"
    viewer.wait("window.forbidden === 1")


def test_values_are_text_and_never_markup(browser, blocks, description, scale, tmp_path):
    evil = "</script><img src=x onerror='window.taken = 1'><b>bold</b>"
    description["properties"]["requested"] = {evil: evil}
    description["seed"] = evil
    items = [
        item.synthetic(blocks, description, scale),
        item.real(blocks, evil, "holdout", {"sex": evil}, scale),
    ]
    file = tmp_path / "evil.html"
    file.write_text(page.render(items, scale, note=evil), encoding="utf-8")
    browser.open(file)
    assert browser.js("document.querySelectorAll('img, b').length") == 0
    assert browser.js("window.taken") is None
    assert (
        browser.js("document.querySelector('[data-kind=real] option').textContent")
        == f"Case {evil}"
    )
    assert evil in browser.js("document.querySelector('[data-kind=synthetic] tbody').textContent")


def test_a_damaged_page_says_so(browser, items, scale, tmp_path):
    items[1] = replace(items[1], voxels=items[1].voxels[:40])
    file = tmp_path / "damaged.html"
    file.write_text(page.render(items, scale), encoding="utf-8")
    browser.open(file)
    assert browser.js("document.querySelector('#alert').hidden")
    browser.js("document.querySelector('[data-kind=synthetic] [data-step=\"1\"]').click()")
    browser.wait("!document.querySelector('#alert').hidden")
    alert = browser.js("document.querySelector('#alert').textContent")
    assert alert.startswith("A volume cannot be shown")


def test_every_control_and_image_has_a_name(viewer):
    nodes = viewer.call("Accessibility.getFullAXTree")["nodes"]
    roles = {"slider": 6, "combobox": 2, "button": 4, "radio": 4, "checkbox": 2, "image": 6}
    for role, count in roles.items():
        named = [n["name"]["value"] for n in nodes if n.get("role", {}).get("value") == role]
        assert len(named) == count, role
        assert len({*named} - {""}) == count, named


def test_tab_reaches_every_control_and_shows_where_it_is(viewer):
    reached = []
    for _ in range(15):
        viewer.press("Tab")
        reached.append(
            viewer.js(
                """(() => {
                    const one = document.activeElement;
                    const seen = one.name === "window" ? one.nextElementSibling : one;
                    const name = one.ariaLabel || one.id || one.name;
                    return [name, getComputedStyle(seen).outlineStyle !== "none"];
                })()"""
            )
        )
    names = [name for name, _ in reached]
    assert names[:3] == ["window", "together", "smooth"]
    assert len(set(names)) == 15
    assert all(visible for _, visible in reached)


@pytest.mark.parametrize("width", [1400, 800, 400])
def test_it_fits_the_window(browser, path, width):
    browser.open(path, width)
    assert browser.js("document.documentElement.scrollWidth") <= width
    tops = browser.js("[...document.querySelectorAll('.side')].map((e) => e.offsetTop)")
    assert (tops[0] == tops[1]) == (width > 480)
