"""Pages are written whole, where they have changed."""

from pathlib import Path

from fortifai.report.markdown import write_page


def test_a_page_that_stands_there_already_is_left_as_it_is(tmp_path: Path) -> None:
    page = write_page(tmp_path / "new" / "page.md", "é\n")
    before = page.stat()
    write_page(page, "é\n")
    assert (page.stat().st_ino, page.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    write_page(page, "e\n")
    assert page.read_text() == "e\n"


def test_a_link_is_replaced_even_where_it_leads_to_the_same_text(tmp_path: Path) -> None:
    (tmp_path / "theirs.md").write_text("text\n")
    (page := tmp_path / "page.md").symlink_to("theirs.md")
    write_page(page, "text\n")
    assert page.is_file()
    assert not page.is_symlink()
