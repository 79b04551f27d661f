"""A page of HTML, taken apart by the standard library's parser: its elements, with the text within each."""

import base64
import hashlib
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = frozenset(("meta", "img", "br", "hr", "input", "link"))
OUTSIDE = re.compile(r"https?:|//|url\((?!#)|@import", re.IGNORECASE)
"""What in an attribute, a style or a script would lead out of the page."""


@dataclass
class Element:
    """One element; ``content``: the texts and elements directly within it, in their order."""

    tag: str
    attributes: dict[str, str]
    content: "list[str | Element]" = field(default_factory=list)

    @property
    def source(self) -> str:
        """All text within it as it stands."""
        return "".join(piece if isinstance(piece, str) else piece.source for piece in self.content)

    @property
    def text(self) -> str:
        """All text within it, in which line breaks and indentation are single spaces."""
        return " ".join(self.source.split())

    def everything(self) -> "list[Element]":
        """Return itself and all within it, in the order of the page."""
        return [self, *(inner for child in self.content if isinstance(child, Element) for inner in child.everything())]

    def all(self, *tags: str) -> "list[Element]":
        """Return the elements of these tags within it, in the order of the page."""
        return [element for element in self.everything() if element.tag in tags]


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open = [Element("document", {})]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._add(tag, attrs)
        if tag in VOID:
            self.open.pop()

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._add(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        closed = self.open.pop()
        assert closed.tag == tag, f"<{closed.tag}> is closed by </{tag}>"

    def handle_data(self, data: str) -> None:
        self.open[-1].content.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")

    def _add(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(set(names)) == len(names), f"<{tag}> says {names}"
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].content.append(element)
        self.open.append(element)


def parse(page: str) -> Element:
    """Return the document; fails for an element that is not closed, or within another where it began outside."""
    parser = _Parser()
    parser.feed(page)
    parser.close()
    assert [element.tag for element in parser.open] == ["document"]
    return parser.open[0]


def requires_a_page_that_stands_alone(page: str) -> Element:
    """Fail for a page that loads, links to or runs anything but its own; return its document."""
    document = parse(page)
    elements = document.everything()
    assert not {element.tag for element in elements} & {
        "iframe",
        "object",
        "embed",
        "base",
        "form",
        "link",
        "foreignobject",
        "image",
    }
    for element in elements:
        for name, value in element.attributes.items():
            assert not name.startswith("on"), f"<{element.tag} {name}>"
            if name == "src":
                kind = "audio/wav" if element.tag == "audio" else "image/png"
                assert re.fullmatch(rf"data:{kind};base64,[A-Za-z0-9+/]+=*", value)
            elif name in ("href", "xlink:href"):
                assert re.fullmatch(r"#[\w-]+|examples/[\w.@+=-]+", value)
            elif name == "style":
                assert not OUTSIDE.search(value)
    (script,), (style,) = document.all("script"), document.all("style")
    assert not script.attributes
    assert not OUTSIDE.search(script.source + style.source)
    digest = base64.b64encode(hashlib.sha256(script.source.encode()).digest()).decode()
    (policy,) = [meta.attributes["content"] for meta in document.all("meta") if "http-equiv" in meta.attributes]
    assert policy.split("; ") == [
        "default-src 'none'",
        "img-src data:",
        "media-src data:",
        "style-src 'unsafe-inline'",
        f"script-src 'sha256-{digest}'",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    ids = [element.attributes["id"] for element in elements if "id" in element.attributes]
    assert len(set(ids)) == len(ids)
    named = [name for element in elements for name in element.attributes.get("aria-labelledby", "").split()]
    linked = [element.attributes["href"][1:] for element in elements if element.attributes.get("href", "").startswith("#")]
    clipped = re.findall(r"url\(#([^)]+)\)", page)
    assert {*named, *linked, *clipped} <= set(ids)
    return document
