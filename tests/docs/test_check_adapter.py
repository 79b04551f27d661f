"""The page on checks has all of them, as they describe themselves."""

from docs_support import ROOT, rows, text

from fortifai.conformance.catalogue import CHECKS

PAGE = ROOT / "docs" / "check-adapter.md"


def test_every_check_is_on_the_page_in_order() -> None:
    listed = [(name.strip("`"), summary) for name, summary in rows(text(PAGE))]
    assert listed == [(check.name, check.summary) for check in CHECKS]
