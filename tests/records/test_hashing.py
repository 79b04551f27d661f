"""Hashes of records: a line is what was written, behind the lines that were written before it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fortifai.errors import UserError
from fortifai.records.hashing import code_in, identity_hash, seal, unseal

records = st.dictionaries(st.text(max_size=5), st.integers() | st.floats(allow_nan=False) | st.text(max_size=5), min_size=1)


@given(st.lists(records, min_size=1, max_size=5), st.text(alphabet="0123456789abcdef", min_size=16, max_size=16))
def test_a_chain_of_lines_is_verified_and_its_content_is_unchanged(contents, identifier):
    previous, lines = identifier, []
    for content in contents:
        line, previous = seal(json.dumps(content), previous)
        lines.append(line)
    read = identifier
    for content, line in zip(contents, lines, strict=True):
        digest = unseal(line.encode(), read)
        assert digest is not None
        read = digest
        parsed = json.loads(line)
        assert parsed.pop("hash") == read or "hash" in content
        assert parsed == {key: value for key, value in content.items() if key != "hash"}


@given(records, st.integers(min_value=0), st.integers(1, 255))
def test_no_changed_byte_goes_unnoticed(content, place, change):
    line = bytearray(seal(json.dumps(content), "0" * 16)[0].encode())
    line[place % len(line)] ^= change
    assert unseal(bytes(line), "0" * 16) is None


@pytest.mark.parametrize(
    "code", [3, "mine.py", ["mine.py"], {"mine.py": 3}, {"mine.py": "0" * 63}, {"../mine.py": "0" * 64}, {"mine": "0" * 64}, None]
)
def test_an_identity_names_files_by_their_hashes_or_is_refused(code):
    with pytest.raises(UserError, match="names code by something else than files and their hashes"):
        code_in({"code": code})
    assert code_in({"code": {"mine.py": "0" * 64}}) == {"mine.py": "0" * 64}
    assert code_in({}) == {}


def test_a_line_is_only_good_behind_the_one_it_was_written_after():
    line, digest = seal('{"generation":1}', "a" * 64)
    assert unseal(line.encode(), "a" * 64) == digest
    assert unseal(line.encode(), "b" * 64) is None
    assert unseal(b'{"generation":1}', "a" * 64) is None


def test_an_identity_hashes_the_same_whatever_the_order_of_its_keys():
    assert identity_hash({"b": 1, "a": [0.5, "ce"]}) == identity_hash({"a": [0.5, "ce"], "b": 1}) == "75bd9ccdc52265e3"
