"""A page of the card as one HTML file without scripts, network access or other files.

It is made from the Markdown page, so both have the same content. Values are escaped there, and raw
HTML in Markdown is off, so no value becomes markup. The Content-Security-Policy of the page allows
its style sheet, by sha256, and embedded pictures.

A paragraph that ends with a colon is the caption of the table below it. On a narrow screen each
row of a table becomes a list of its cells, so that nothing scrolls sideways. A long table is
folded, and open in print. A link to another file is shown as its name, so that a page can be mailed
alone. Each row is on one line, so that two pages can be compared line by line.

Source: W3C, WCAG 2.2 (1.3.1, 1.4.3, 1.4.10, 2.4.1, 2.4.6); HTML Standard (``scope``, ``details``);
Content Security Policy Level 3 (hashes).
"""

import base64
import re
import struct
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from itertools import pairwise
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_block import StateBlock
from markdown_it.token import Token
from markdown_it.utils import OptionsDict

from syda.runtime.digest import csp_sha256

LONG = 40
"""Rows; a table with more is folded."""

_ANCHOR = re.compile(r'<a id="([se][0-9a-z-]+)"></a>')
_BREAK = re.compile(r"[/_]|[0-9a-f]{16}(?=[0-9a-f]{16})")
_LINK = re.compile(r"(\.\./)*\w[\w./-]*(#[a-z0-9-]+)?|#[a-z0-9-]+")


@dataclass(frozen=True)
class ContentsEntry:
    """A heading in the list of contents."""

    level: int
    id: str
    title: str


def render(page: str, pictures: Mapping[str, bytes], foot: str) -> str:
    """Render the page; the same Markdown and pictures give the same text.

    Args:
        page: Markdown.
        pictures: PNG files by their address in the page.
        foot: names version and digest on each page of a print.

    Raises:
        ValueError: the page shows another picture, or leads to another site.
    """
    env: dict[str, Any] = {"pictures": pictures}
    tokens = _MARKDOWN.parse(page, env)
    heads = list(_heads(tokens))
    environment = Environment(
        loader=PackageLoader("syda.card", "templates"),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    style = files("syda.card").joinpath("templates/webpage.css").read_text(encoding="utf-8")
    style = style.replace("FOOT", re.sub(r"[^\w .,()-]", "", foot))
    policy = {
        "default-src": "'none'",
        "style-src": csp_sha256(style),
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return environment.get_template("webpage.html.j2").render(
        policy="; ".join(f"{directive} {source}" for directive, source in policy.items()),
        style=style,
        title=heads[0].title,
        contents=heads[1:],
        card=_html(list(_blocks(tokens)), env),
    )


def _inline(text: str) -> str:
    """Markdown inside a paragraph or a cell as HTML."""
    return str(_MARKDOWN.renderInline(text, {"pictures": {}}))


def _row(cells: Sequence[str], heads: Sequence[str]) -> str:
    """The line of a table's row; its first cell is the row's header.

    Args:
        cells: Markdown.
        heads: words of the columns' headings, which a narrow screen shows before each cell.
    """
    first, *rest = map(_inline, cells)
    named = zip(heads[1:], rest, strict=True)
    others = "".join(f'<td data-head="{escape(head)}">{cell}</td>' for head, cell in named)
    return f'<tr><th scope="row">{first}</th>{others}</tr>'


def _anchor(state: StateBlock, first: int, last: int, silent: bool) -> bool:
    """Markdown's rule for a line that gives the next heading its id; other raw HTML is text."""
    line = state.src[state.bMarks[first] + state.tShift[first] : state.eMarks[first]]
    if found := _ANCHOR.fullmatch(line):
        if not silent:
            state.line = first + 1
            state.push("anchor", "", 0).content = found[1]
        return True
    return False


def _text(
    self: RendererHTML, tokens: Sequence[Token], at: int, options: OptionsDict, env: Any
) -> str:
    """Text, which may be broken within paths, names and digests."""
    return _BREAK.sub(r"\g<0><wbr>", escape(tokens[at].content))


def _image(
    self: RendererHTML, tokens: Sequence[Token], at: int, options: OptionsDict, env: Any
) -> str:
    """A picture, embedded."""
    address = str(tokens[at].attrs["src"])
    if address not in env["pictures"]:
        raise ValueError(f"{address} is none of the card's pictures")
    data = env["pictures"][address]
    width, height = struct.unpack(">II", data[16:24])  # PNG, IHDR
    source = f"data:image/png;base64,{base64.b64encode(data).decode()}"
    alt = escape(tokens[at].content)
    return f'<img src="{source}" width="{width}" height="{height}" alt="{alt}">'


def _link(
    self: RendererHTML, tokens: Sequence[Token], at: int, options: OptionsDict, env: Any
) -> str:
    """A link within the page; the name of another file is no link."""
    address = str(tokens[at].attrs["href"])
    if not _LINK.fullmatch(address):
        raise ValueError(f"{address} leads out of the repository")
    env["inside"] = address.startswith("#")
    return f'<a href="{address}">' if env["inside"] else '<span class="file">'


def _link_end(
    self: RendererHTML, tokens: Sequence[Token], at: int, options: OptionsDict, env: Any
) -> str:
    return "</a>" if env["inside"] else "</span>"


_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")
_MARKDOWN.block.ruler.before(
    "paragraph", "anchor", _anchor, {"alt": ["paragraph", "blockquote", "list"]}
)
for _rule, _renders in (
    ("text", _text),
    ("image", _image),
    ("link_open", _link),
    ("link_close", _link_end),
):
    _MARKDOWN.add_render_rule(_rule, _renders)


def _html(tokens: Sequence[Token], env: dict[str, Any]) -> str:
    return str(_MARKDOWN.renderer.render(tokens, _MARKDOWN.options, env))


def _made(content: str) -> Token:
    """A block of HTML that was made here."""
    return Token("html_block", "", 0, content=content)


def _heads(tokens: Sequence[Token]) -> Iterator[ContentsEntry]:
    """Give each heading its id; yield them in order."""
    anchor = ""
    for token, following in pairwise(tokens):
        if token.type == "anchor":
            anchor = token.content
        elif token.type == "heading_open":
            title = _plain(following)
            token.attrs["id"] = anchor or re.sub(r"\W+", "-", title.lower())
            yield ContentsEntry(int(token.tag[1]), str(token.attrs["id"]), title)
            anchor = ""


def _plain(token: Token) -> str:
    """The words of an inline token."""
    return "".join(
        " " if child.type == "softbreak" else child.content for child in token.children or ()
    )


def _blocks(tokens: Sequence[Token]) -> Iterator[Token]:
    """Yield the page's tokens, its tables and pictures as blocks of HTML."""
    heading, names = "", Counter[str]()
    left = [token for token in tokens if token.type != "anchor"]
    while left:
        kinds = [token.type for token in left[:6]]
        if kinds[0] == "heading_open":
            heading = _plain(left[1])
        if kinds[:4] == [*_PARAGRAPH, "table_open"] and left[1].content.endswith(":"):
            caption, left = left[1], left[3:]
        else:
            caption = None
        if left[0].type == "table_open":
            end = next(n for n, token in enumerate(left) if token.type == "table_close")
            yield _made(_table(left[:end], caption, heading, names))
            left = left[end + 1 :]
        elif kinds == [*_PARAGRAPH, *_PARAGRAPH] and _is_picture(left[1]):
            yield from _figure(left[1], left[4])
            left = left[6:]
        else:
            yield left[0]
            left = left[1:]


_PARAGRAPH = ["paragraph_open", "inline", "paragraph_close"]


def _is_picture(token: Token) -> bool:
    return [child.type for child in token.children or ()] == ["image"]


def _figure(picture: Token, caption: Token) -> Iterator[Token]:
    yield _made("<figure>\n")
    yield picture
    yield _made("\n<figcaption>")
    yield caption
    yield _made("</figcaption>\n</figure>\n")


def _table(
    tokens: Sequence[Token], caption: Token | None, heading: str, names: Counter[str]
) -> str:
    """A table with its name.

    Args:
        tokens: of the table.
        caption: names it; without one the heading above and its first column do.
        heading: above it.
        names: of the page's tables so far, each with how often it was given.
    """
    head, *rows = _cells(tokens)
    heads = [_plain(cell) for cell in head]
    name = _plain(caption).removesuffix(":") if caption else f"{heading}: {heads[0]}"
    names[name] += 1
    name = escape(name if names[name] == 1 else f"{name} ({names[name]})")
    shown = _inline(caption.content.removesuffix(":")) if caption else name
    columns = "".join(f'<th scope="col">{_inline(cell.content)}</th>' for cell in head)
    body = [_row([cell.content for cell in cells], heads) for cells in rows]
    lines = [
        f'<table aria-label="{name}">',
        f"<thead><tr>{columns}</tr></thead>",
        "<tbody>",
        *body,
        "</tbody>",
        "</table>",
    ]
    if len(body) > LONG:
        lines = [f"<details>\n<summary>{shown}: {len(body)} rows</summary>", *lines, "</details>"]
    elif caption:
        lines = [f'<p class="caption">{shown}</p>', *lines]
    return "\n".join([*lines, ""])


def _cells(tokens: Sequence[Token]) -> list[list[Token]]:
    """The inline tokens of a table, row by row."""
    rows: list[list[Token]] = []
    for token in tokens:
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline":
            rows[-1].append(token)
    return rows
