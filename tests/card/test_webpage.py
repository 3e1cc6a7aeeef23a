"""The HTML page: what it is made of, and how Chromium shows the repository's own card."""

import base64
import hashlib
import html
import re
import struct
import zlib
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syda import paths
from syda.card import build, inputs, webpage
from syda.card.facts import Fact
from syda.card.render import Page, escape

EVIL = [
    "a | b", "<script>window.taken = 1</script>", "two\n\n# lines", "`code`", "](javascript:x)",
    "[a](javascript:window.taken=1)", "![a](//example.org/b.png)", "<b onclick=x>", "&lt;i&gt;",
    '<a id="s1"></a>', '" onload="window.taken = 1', "\\", "a\\|b", "**x** __y__ ~~z~~",
    "https://example.org <https://example.org>", "1. x", "- x", "    x", "---", "$x$",
]  # fmt: skip
SCHEMES = ["light", "dark"]
REPOSITORY = Path(__file__).parents[2]


def png(width, height):
    """A black picture."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes((width + 1) * height))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


PICTURES = {"../x.png": png(3, 2)}
FOOT = "A card, report 1.0"


def body(markdown):
    """What the page shows of some Markdown."""
    text = webpage.render(f"# Title\n\n{markdown}\n", PICTURES, FOOT)
    (found,) = re.findall(r'<h1 id="title">Title</h1>\n(.*)\n</main>', text, flags=re.DOTALL)
    return found.strip()


def words(text):
    """The text of a piece of HTML."""
    return html.unescape(re.sub(r"<wbr>", "", text))


# --- what it is made of


def test_the_same_card_gives_the_same_page():
    assert webpage.render("# T\n", PICTURES, FOOT) == webpage.render("# T\n", PICTURES, FOOT)


def test_the_page_allows_its_style_and_pictures_and_nothing_else():
    text = webpage.render("# T\n\n![a](../x.png)\n", PICTURES, FOOT)
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)
    (style,) = re.findall("<style>(.*?)</style>", text, flags=re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert html.unescape(policy) == (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; "
        "form-action 'none'"
    )
    assert not re.search(r"<script|https?:|url\(|@import| style=| on\w+=", text)


def test_an_anchor_is_the_id_of_the_next_heading_alone():
    assert body('<a id="s4-1"></a>\n\n## 4.1 Algorithm\n\n### A & *b*') == (
        '<h2 id="s4-1">4.1 Algorithm</h2>\n<h3 id="a-b">A &amp; <em>b</em></h3>'
    )


def test_other_html_is_text():
    assert body('<a id="s1" onclick="x"></a>') == (
        "<p>&lt;a id=&quot;s1&quot; onclick=&quot;x&quot;&gt;&lt;/<wbr>a&gt;</p>"
    )


def test_headings_are_the_contents():
    text = webpage.render('# T\n\n<a id="s1"></a>\n\n## 1 General\n\n### Who\n', {}, FOOT)
    assert re.findall('<li class="(.*?)"><a href="(.*?)">(.*?)</a>', text) == [
        ("level2", "#s1", "1 General"), ("level3", "#who", "Who"),
    ]  # fmt: skip
    assert "<title>T</title>" in text


def test_a_table_has_headers_of_columns_and_rows_and_the_sentence_above_as_its_name():
    assert body(
        "## H\n\nEvery *n*\nof it:\n\n| a | b | c |\n| --- | --- | --- |\n| 1 | 2 | 3 |"
    ) == (
        '<h2 id="h">H</h2>\n'
        '<p class="caption">Every <em>n</em>\nof it</p>\n'
        '<table aria-label="Every n of it">\n'
        '<thead><tr><th scope="col">a</th><th scope="col">b</th><th scope="col">c</th></tr></thead>'
        '\n<tbody>\n<tr><th scope="row">1</th><td data-head="b">2</td><td data-head="c">3</td></tr>'
        "\n</tbody>\n</table>"
    )


def test_a_table_without_a_sentence_is_named_by_its_heading_and_once():
    table = "| a | b |\n| --- | --- |\n| 1 | 2 |"
    found = body(f"## H\n\nA sentence.\n\n{table}\n\n{table}")
    assert re.findall('<table aria-label="(.*?)">', found) == ["H: a", "H: a (2)"]
    assert "<p>A sentence.</p>" in found


@pytest.mark.parametrize("rows", [40, 41])
def test_a_long_table_is_folded_and_says_how_long_it_is(rows):
    found = body("All:\n\n| a | b |\n| --- | --- |\n" + "| 1 | 2 |\n" * rows)
    assert found.startswith(
        "<details>\n<summary>All: 41 rows</summary>" if rows == 41 else '<p class="caption">All</p>'
    )


def test_a_picture_is_embedded_with_its_size_its_words_and_the_line_below():
    data = base64.b64encode(PICTURES["../x.png"]).decode()
    assert body('![A "b"](../x.png)\n\n*Below.*') == (
        f'<figure>\n<img src="data:image/png;base64,{data}" width="3" height="2" '
        'alt="A &quot;b&quot;">\n<figcaption><em>Below.</em></figcaption>\n</figure>'
    )


@pytest.mark.parametrize(
    "markdown",
    ["![a](../y.png)", "[a](https://example.org)", "[a](//example.org)", "[a](/etc/passwd)",
     "[a](x!)"],
)  # fmt: skip
def test_the_page_leads_nowhere_else(markdown):
    with pytest.raises(
        ValueError, match=r"none of the card's pictures|leads out of the repository"
    ):
        body(markdown)


@pytest.mark.parametrize("address", ["javascript:x", "data:text/html,x", "file:///etc/passwd"])
def test_what_would_run_or_read_is_no_link(address):
    assert "<a" not in body(f"[a]({address})")


def test_a_link_leads_within_the_page_and_another_file_is_named():
    assert body("[a_b](../reports/x_y.json)") == '<p><span class="file">a_<wbr>b</span></p>'
    assert body("[7](#s7)") == '<p><a href="#s7">7</a></p>'


def test_each_page_of_a_print_names_version_and_digest():
    assert '@bottom-left { content: "A card, report 1.0";' in webpage.render("# T\n", {}, FOOT)
    evil = webpage.render("# T\n", {}, 'a"; } </style><script>')
    assert '@bottom-left { content: "a  stylescript";' in evil


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_any_value_is_the_text_that_it_is(text):
    assert words(webpage._inline(escape(text))) == " ".join(text.split())


@pytest.mark.parametrize("evil", EVIL)
def test_a_value_is_no_markup_in_a_cell_a_heading_and_a_sentence(evil):
    values = Page(4, "../")
    rows = [{"column | x <b>": Fact("f", evil, "declared", ("f#/x",)), evil: evil}]
    text = " ".join(evil.split())
    found = body(f"## H {escape(evil)}\n\nSaid {escape(evil)}:\n\n{values.table(rows)}")
    tags = re.findall(r"</?(\w+)", found.replace("<wbr>", ""))
    assert set(tags) <= {"h2", "p", "table", "thead", "tbody", "tr", "th", "td"}
    assert [words(cell) for cell in re.findall("<t[hd] scope.*?>(.*?)</th>", found)] == [
        "column | x <b>", text, text,
    ]  # fmt: skip
    assert [words(cell) for cell in re.findall("<td data-head=.*?>(.*?)</td>", found)] == [text]
    assert words(found.split("</h2>")[0]).endswith(f">H {text}")


# --- how it is shown


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    """The card of the reports that are here."""
    file = tmp_path_factory.mktemp("card") / "model_card.html"
    files = build.build(inputs.read(REPOSITORY), []).files()
    file.write_bytes(files[paths.CARD_HTML])
    file.with_name("evidence.html").write_bytes(files[paths.EVIDENCE_HTML])
    return file


@pytest.fixture
def shown(browser, rendered):
    browser.open(rendered)
    return browser


def spoken(browser):
    """Role and name of what assistive technology is told of."""
    nodes = browser.call("Accessibility.getFullAXTree")["nodes"]
    return [
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in nodes
        if not node["ignored"]
    ]


def test_nothing_is_loaded_and_nothing_goes_wrong(shown, rendered):
    events = shown.seen()
    requested = {
        event["params"]["request"]["url"].split(",")[0]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
    }
    assert requested == {rendered.as_uri(), "data:image/png;base64"}
    assert not [e for e in events if e["method"] in ("Log.entryAdded", "Runtime.consoleAPICalled")]
    assert not [e for e in events if e["method"] == "Runtime.exceptionThrown"]
    assert shown.js("document.scripts.length") == 0


def test_headings_are_in_order_and_one_is_the_first(shown):
    found = shown.js(
        "[...document.querySelectorAll('h1, h2, h3, h4, h5, h6')].map((e) => [e.tagName, e.id])"
    )
    levels = [int(tag[1]) for tag, _ in found]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert all(name for _, name in found)


def test_the_page_has_language_title_and_unique_ids(shown):
    assert shown.js("document.documentElement.lang") == "en"
    assert shown.js("document.title").startswith("Model card: ")
    assert shown.js("document.title") == shown.js("document.querySelector('h1').textContent")
    ids = shown.js("[...document.querySelectorAll('[id]')].map((e) => e.id)")
    assert len(ids) == len(set(ids)) > 20


def test_every_table_has_headers_with_their_scope(shown):
    tables = shown.js(
        """[...document.querySelectorAll('table')].map((table) => [
            [...table.tHead.rows].map((row) => [...row.cells].map((c) => c.tagName + c.scope)),
            [...table.tBodies[0].rows].map((row) => [...row.cells].map((c) => c.tagName + c.scope)),
        ])"""
    )
    assert len(tables) > 15
    for head, body in tables:
        (columns,) = head
        assert set(columns) == {"THcol"}
        first = ["THrow"]
        rest = ["TD"] * (len(columns) - 1)
        assert body
        assert all(row == first + rest for row in body)


def test_every_picture_says_what_is_seen(shown):
    pictures = shown.js(
        "[...document.images].map((e) => [e.alt, e.complete && e.naturalWidth, e.width])"
    )
    assert len(pictures) == 1
    for words, natural, width in pictures:
        assert len(words) > 100
        assert natural > 1000
        assert width > 0


def test_every_link_leads_within_the_page_and_has_telling_words(shown):
    links = shown.js(
        "[...document.links].map((e) => [e.getAttribute('href'), e.textContent.trim()])"
    )
    ids = set(shown.js("[...document.querySelectorAll('[id]')].map((e) => e.id)"))
    assert len(links) > 30
    for address, words in links:
        assert len(words) > 5
        assert words.lower() not in ("here", "link", "more", "this page")
        assert address[:1] == "#"
        assert address[1:] in ids


CONTRAST = """(() => {
    const channels = (colour) => colour.match(/[\\d.]+/g).map(Number);
    const luminance = (colour) => channels(colour).slice(0, 3).map((c) => c / 255)
        .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
        .reduce((sum, c, n) => sum + c * [0.2126, 0.7152, 0.0722][n], 0);
    const ground = (element) => {
        for (let at = element; at; at = at.parentElement) {
            const colour = getComputedStyle(at).backgroundColor;
            if ((channels(colour)[3] ?? 1) === 1) return colour;
        }
    };
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const found = {};
    while (walker.nextNode()) {
        const element = walker.currentNode.parentElement;
        if (!walker.currentNode.textContent.trim()) continue;
        const pair = [getComputedStyle(element).color, ground(element)];
        const [light, dark] = pair.map(luminance).sort((a, b) => b - a);
        found[pair.join(" on ")] = (light + 0.05) / (dark + 0.05);
    }
    return found;
})()"""
"""Contrast of each pair of colours in which some text stands (WCAG 2.2, relative luminance)."""


def prefer(browser, scheme, medium=""):
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.call("Emulation.setEmulatedMedia", media=medium, features=features)


@pytest.mark.parametrize("medium", ["screen", "print"])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_all_text_stands_out_from_its_ground(browser, rendered, scheme, medium):
    prefer(browser, scheme, medium)
    browser.open(rendered)
    found = browser.js(CONTRAST)
    shade = browser.js("getComputedStyle(document.body).backgroundColor")
    browser.call("Emulation.setEmulatedMedia", media="", features=[])
    assert (shade == "rgb(255, 255, 255)") == (scheme == "light" or medium == "print")
    assert len(found) >= 4
    assert min(found.values()) >= 4.5, found


def test_landmarks_and_tables_have_names(shown):
    found = spoken(shown)
    names = [(role, name) for role, name in found if role in ("navigation", "main", "banner")]
    assert sorted(names) == [("banner", ""), ("main", ""), ("navigation", "Contents")]
    named = [name for role, name in found if role == "table" and name]
    assert len(named) == len(set(named)) > 5
    assert all(name for role, name in found if role in ("table", "image", "link"))
    assert ("link", "Skip to the card") in found
    assert ("heading", "Six answers") in found


def test_the_first_key_leads_past_the_contents(shown):
    shown.press("Tab")
    assert shown.js("document.activeElement.getAttribute('href')") == "#card"
    assert shown.js("document.activeElement.getBoundingClientRect().top") >= 0
    assert shown.js("document.querySelector('#card').tagName") == "MAIN"


@pytest.mark.parametrize("name", ["model_card.html", "evidence.html"])
@pytest.mark.parametrize("width", [320, 390, 768, 1056, 1400, 2560])
def test_nothing_scrolls_sideways(browser, rendered, width, name):
    """WCAG 2.2, 1.4.10: 320 pixels are 1280 at a zoom of 400 %."""
    browser.open(rendered.with_name(name), width)
    assert browser.js("document.documentElement.scrollWidth") <= width
    hidden = browser.js(
        """[...document.querySelectorAll('main *')]
            .filter((e) => ['auto', 'scroll', 'hidden'].includes(getComputedStyle(e).overflowX))
            .filter((e) => e.scrollWidth > e.clientWidth).map((e) => e.tagName)"""
    )
    assert hidden == []
    lines = browser.js(
        "[...document.querySelectorAll('main p, main li')].map((e) => e.clientWidth / "
        "parseFloat(getComputedStyle(e).fontSize))"
    )
    assert max(lines) <= 46.1  # em: some 90 letters


def test_a_narrow_screen_shows_the_heading_of_each_cell(browser, rendered):
    browser.open(rendered, 390)
    found = browser.js(
        """[...document.querySelectorAll('main td:not(:empty)')]
            .map((e) => [getComputedStyle(e, '::before').content, e.dataset.head])"""
    )
    assert len(found) > 200
    assert [(c, head) for c, head in found if head and c != f'"{head}: "'] == []


def test_print_has_letters_of_nine_points_or_more(browser, rendered):
    prefer(browser, "light", "print")
    browser.open(rendered)
    sizes = browser.js(
        """[...document.querySelectorAll('main :is(p, li, th, td, code, figcaption, .file)')]
            .map((e) => parseFloat(getComputedStyle(e).fontSize))"""
    )
    browser.call("Emulation.setEmulatedMedia", media="", features=[])
    assert min(sizes) >= 12 - 0.01  # pixels: 9 pt


def test_the_card_prints_on_ten_to_twelve_tagged_pages(browser, rendered):
    browser.open(rendered)
    printed = base64.b64decode(
        browser.call("Page.printToPDF", preferCSSPageSize=True, generateTaggedPDF=True)["data"]
    )
    assert 10 <= len(re.findall(rb"/Type\s*/Page\b", printed)) <= 12
    assert b"/StructTreeRoot" in printed


@pytest.mark.parametrize("width", [390, 1400])
def test_that_it_is_not_for_diagnosis_stays_in_sight(browser, rendered, width):
    browser.open(rendered, width)
    for offset in (0, 3000, 10**6):
        top, text = browser.js(
            f"(window.scrollTo(0, {offset}), ["
            "document.querySelector('header').getBoundingClientRect().top, "
            "document.elementFromPoint(innerWidth / 2, 8).textContent])"
        )
        assert top == 0
        assert "not for diagnosis" in text


def test_the_contents_are_open_where_there_is_room(browser, rendered):
    for width, is_open in ((1400, True), (390, False)):
        browser.open(rendered, width)
        links = [name for role, name in spoken(browser) if role == "link"]
        assert links.count("10 Legal") == 1 + is_open


def test_print_shows_what_is_folded(browser, rendered):
    folded = "[...document.querySelectorAll('main details td')].map((e) => e.checkVisibility())"
    browser.open(rendered.with_name("evidence.html"))
    assert set(browser.js(folded)) == {False}
    prefer(browser, "light", "print")
    assert set(browser.js(folded)) == {True}
    browser.call("Emulation.setEmulatedMedia", media="", features=[])
    printed = browser.call("Page.printToPDF", preferCSSPageSize=True)["data"]
    assert base64.b64decode(printed)[:5] == b"%PDF-"


@pytest.mark.parametrize("evil", EVIL)
def test_chromium_sees_a_value_as_text(browser, tmp_path, evil):
    text = webpage.render(f"# T\n\n## H {escape(evil)}\n\nSaid {escape(evil)}.\n", {}, FOOT)
    file = tmp_path / "page.html"
    file.write_text(text, encoding="utf-8")
    browser.open(file)
    assert browser.js("document.querySelector('main p').textContent") == (
        f"Said {' '.join(evil.split())}."
    )
    assert browser.js("document.querySelectorAll('script, img, b, i, main a').length") == 0
    assert browser.js("window.taken") is None
