"""The card as one HTML file without scripts, network access or other files.

It is made from the Markdown page, so both have the same content. Values are escaped there, and raw
HTML in Markdown is off, so no value becomes markup. The Content-Security-Policy of the page allows
its style sheet, by sha256, and embedded pictures.

A paragraph that ends with a colon is the caption of the table below it. A table that is wider than
the page scrolls, also from the keyboard. A long table is folded, and open in print. Each row is on
one line, so that two pages can be compared line by line.

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

NARROW, WIDE = 2, 4
"""Columns; a table with more than the first may have to be scrolled, with more than the second it
is a landmark."""

LONG = 20
"""Rows; a table with more is folded."""

_ANCHOR = re.compile(r'<a id="(s[0-9a-z-]+)"></a>')
_BREAK = re.compile(r"[/_]|[0-9a-f]{16}(?=[0-9a-f]{16})")
_LINK = re.compile(r"(#[a-z0-9-]+|(\.\./)*[\w][\w./-]*)")


@dataclass(frozen=True)
class ContentsEntry:
    """A heading in the list of contents."""

    level: int
    id: str
    title: str


def render(page: str, pictures: Mapping[str, bytes]) -> str:
    """Render the page; the same Markdown and pictures give the same text.

    Args:
        page: the card as Markdown.
        pictures: PNG files by their address in the page.

    Raises:
        ValueError: the page shows another picture, or leads to another site.
    """
    env: dict[str, Any] = {"pictures": pictures}
    tokens = _MARKDOWN.parse(page, env)
    heads = list(_heads(tokens))
    environment = Environment(
        loader=PackageLoader("syda.card", "."),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    style = files("syda.card").joinpath("webpage.css").read_text(encoding="utf-8")
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


def inline(text: str) -> str:
    """Turn Markdown inside a paragraph or a cell into HTML."""
    return str(_MARKDOWN.renderInline(text, {"pictures": {}}))


def row(cells: Sequence[str]) -> str:
    """The line of a table's row; the first of several cells is the row's header.

    Args:
        cells: Markdown.
    """
    first, *rest = map(inline, cells)
    head = f'<th scope="row">{first}</th>' if rest else f"<td>{first}</td>"
    return f"<tr>{head}{''.join(f'<td>{cell}</td>' for cell in rest)}</tr>"


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
    """A link within the page or to a file of the repository."""
    address = str(tokens[at].attrs["href"])
    if not _LINK.fullmatch(address):
        raise ValueError(f"{address} leads out of the repository")
    return f'<a href="{address}">'


_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")
_MARKDOWN.block.ruler.before(
    "paragraph", "anchor", _anchor, {"alt": ["paragraph", "blockquote", "list"]}
)
for _rule, _renders in (("text", _text), ("image", _image), ("link_open", _link)):
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
    """A table that scrolls where it is wider than the page, with its name.

    Args:
        tokens: of the table.
        caption: names it; without one the heading above and its first column do.
        heading: above it.
        names: of the page's tables so far, each with how often it was given.
    """
    head, *rows = _cells(tokens)
    name = _plain(caption).removesuffix(":") if caption else f"{heading}: {_plain(head[0])}"
    names[name] += 1
    name = escape(name if names[name] == 1 else f"{name} ({names[name]})")
    shown = inline(caption.content.removesuffix(":")) if caption else name
    columns = "".join(f'<th scope="col">{inline(cell.content)}</th>' for cell in head)
    body = [row([cell.content for cell in cells]) for cells in rows]
    scrolls = ""
    if len(head) > NARROW and not any("<a " in line for line in body):  # which is reached by a key
        role = "region" if len(head) > WIDE else "group"
        scrolls = f' role="{role}" tabindex="0" aria-label="{name}"'
    lines = [
        f'<div class="table"{scrolls}>',
        f'<table aria-label="{name}">',
        "<thead>",
        f"<tr>{columns}</tr>",
        "</thead>",
        "<tbody>",
        *body,
        "</tbody>",
        "</table>",
        "</div>",
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
