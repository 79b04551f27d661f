"""Hooks of the site: pages that lie outside docs/ are part of it, and links between all of them hold.

A page reads the same in the repository and on the site: what it links to as a file of the repository is a page of the site
where there is one, and plain text where there is none, such as a source file.
"""

import os
import re
from pathlib import Path, PurePosixPath
from typing import Any

ROOT = Path(__file__).parents[1]
LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\((?!https?:|mailto:|#)([^)\s#]+)(#[^)\s]*)?\)")
PICTURE = re.compile(r"!\[([^\]]*)\]\((?!https?:)docs/([^)\s]+)\)")


def outside() -> dict[str, str]:
    """Return the pages outside docs/, by their paths in the repository, with their paths on the site."""
    pages = {"README.md": "readme.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
    boards = sorted(path.parent.name for path in ROOT.glob("leaderboards/*/README.md"))
    return pages | {f"leaderboards/{name}/README.md": f"leaderboards/{name}.md" for name in boards}


def on_files(files: Any, config: Any) -> Any:
    """Add the pages outside docs/ to the site."""
    from mkdocs.structure.files import File

    for source, page in outside().items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text("utf-8")))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Return a page's text with links that hold on the site."""
    return with_links_of_the_site(markdown, page.file.src_uri)


def with_links_of_the_site(markdown: str, page: str) -> str:
    """Return a text whose links to files of the repository are links to pages of the site, or no links.

    Args:
        markdown: The text, as it stands in the repository.
        page: Where it stands on the site.
    """
    sources = {on_site: source for source, on_site in outside().items()}
    source = PurePosixPath(sources.get(page, f"docs/{page}"))
    here = PurePosixPath(page).parent

    def link(match: re.Match[str]) -> str:
        text, path, anchor = match[1], match[2], match[3] or ""
        target = os.path.normpath(source.parent / path)
        on_site = target.removeprefix("docs/") if target.startswith("docs/") else outside().get(target)
        if on_site is None or not (ROOT / target).is_file() or target.endswith(".py"):
            return text
        return f"[{text}]({os.path.relpath(on_site, here)}{anchor})"

    return PICTURE.sub(lambda match: f"![{match[1]}]({os.path.relpath(match[2], here)})", LINK.sub(link, markdown))
