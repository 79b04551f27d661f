"""HTML that stands alone: the templates' environment, pictures within the page, and what a page may load, which is nothing."""

import base64
import hashlib
import re
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, Undefined
from markupsafe import Markup, escape

from fortifai import sanitise
from fortifai.report.style import AREA, HEADING, OKABE_ITO, QUIET

_CODE = re.compile(r"`([^`]+)`")
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_COLOUR = re.compile("#[0-9a-f]{6}")
_FONT = re.compile(r"font-family:[^;]*;? ?")

_VARIABLES = {
    **{colour.lower(): f"line-{place}" for place, colour in enumerate(OKABE_ITO)},
    "#ffffff": "paper",
    AREA: "area",
    QUIET: "quiet",
}
"""The colours of pictures that a page defines anew, for dark screens too, by the names of its CSS variables."""


@cache  # a template is compiled once, not for every page
def environment(*packages: str) -> Environment:
    """Return the environment of the HTML templates that lie in packages: what they put out is text, whatever it holds.

    The filter ``lines`` keeps the line breaks of a text, as does a ``pre``; ``sentence`` shows what stands in backticks as code.
    """
    templates = Environment(
        loader=ChoiceLoader([PackageLoader(package, "") for package in packages]),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        autoescape=True,
        finalize=_shown,
    )
    templates.filters["lines"] = lambda text: escape(sanitise.lines(text))
    templates.filters["sentence"] = with_code
    return templates


def with_code(text: str | None) -> Markup:
    """Return a sentence, in which what stands in backticks is code, and everything is text; nothing for None."""
    words = _CODE.split(sanitise.one_line(text or ""))  # every other one stood in backticks
    return Markup("").join(Markup("<code>{}</code>").format(word) if place % 2 else word for place, word in enumerate(words))


def policy(script: str) -> str:
    """Return the content security policy of a page: pictures, sounds and styles of its own, one script, and nothing else.

    Args:
        script: The text of the only script that runs.
    """
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'"
    )


def png_uri(content: bytes) -> str:
    """Return a picture as the address of itself."""
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"


def wav_uri(content: bytes) -> str:
    """Return a sound as the address of itself."""
    return f"data:audio/wav;base64,{base64.b64encode(content).decode()}"


def inline_svg(file: Path, name: str, title: str, description: str) -> Markup:
    """Return a picture that Matplotlib wrote as part of a page, in the page's colours and without its heading.

    It is for grids of panels, which `inline_plot` does not draw.

    Args:
        file: The SVG file.
        name: What its ids begin with, which no other picture of the page may have: letters, digits and hyphens.
        title: What it is, for those who do not see it.
        description: What it shows, likewise.
    """
    root = ElementTree.fromstring(file.read_bytes())
    for parent in list(root.iter()):
        for child in list(parent):
            if _local(child.tag) in ("metadata", "style") or child.get("id") == HEADING:
                parent.remove(child)
    for element in root.iter():
        element.tag = _local(element.tag)
        element.attrib = {_local(key): _attribute(_local(key), value, name) for key, value in element.attrib.items()}
    viewed = root.attrib["viewBox"]
    root.attrib = {"class": "plot", "viewBox": viewed, "role": "img", "aria-labelledby": f"{name}-title {name}-description"}
    for place, (tag, text) in enumerate((("title", title), ("desc", description))):
        element = ElementTree.Element(tag, {"id": f"{name}-{'title' if tag == 'title' else 'description'}"})
        element.text = sanitise.one_line(text)
        root.insert(place, element)
    return Markup(ElementTree.tostring(root, encoding="unicode"))  # which escapes all text


def _attribute(key: str, value: str, name: str) -> str:
    if key == "id":
        return f"{name}-{value}"
    if key == "href":
        return f"#{name}-{value.removeprefix('#')}"
    if key == "style":
        value = _COLOUR.sub(_variable, _FONT.sub("", value))
    return _REFERENCE.sub(rf"url(#{name}-\1)", value)


def _variable(match: re.Match[str]) -> str:
    variable = _VARIABLES.get(match[0])
    return match[0] if variable is None else f"var(--{variable})"


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _shown(value: object) -> object:
    """Return what a template puts out for a value; nothing for None, and Jinja's own answer to what is not defined."""
    if value is None:
        return ""
    return value if isinstance(value, Markup | Undefined) else sanitise.one_line(str(value))
