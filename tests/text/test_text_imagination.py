"""The mix of texts of the paper: six parts, each with a bit of WikiText, HellaSwag and GSM8K, or an error."""

import json
from pathlib import Path

import pandas as pd
import pytest

from fortifai.errors import UserError
from fortifai.modalities.text import hub
from fortifai.modalities.text.config import LanguageModelConfig, TextData
from fortifai.modalities.text.data import corpora
from fortifai.modalities.text.needs import needs_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("train", "valid", "test"):
        (tmp_path / f"wiki.{name}.raw").write_text("".join(f" {name} {i} \n" for i in range(24)))
    situations = [{"ctx": f"s{i},", "endings": ["no", f" e{i}"], "label": 1, "more": 0} for i in range(3012)]
    sums = pd.DataFrame({"question": [f"q{i}" for i in range(18)], "answer": [f"a{i}\n#### {i}" for i in range(18)]})
    (tmp_path / "hellaswag.jsonl").write_text("\n".join(map(json.dumps, situations)))
    sums.to_parquet(tmp_path / "gsm8k.parquet")
    return tmp_path


def mixed(folder: Path) -> corpora.Corpus:
    return corpora.read(TextData(source=str(folder), mix=str(folder)))


def test_each_of_six_parts_has_a_sixth_of_every_text(folder):
    corpus = mixed(folder)
    lines = corpus.train[0].splitlines()
    # half of the 24 lines of WikiText, the first 3,000 situations with their right endings, and all 18 questions on one line each
    assert len(corpus.train) == 1
    assert len(lines) == 12 + 3000 + 18
    parts = [lines[i * len(lines) // 6 : (i + 1) * len(lines) // 6] for i in range(6)]
    for i, part in enumerate(parts):
        assert part[:2] == [f" train {2 * i} ", f" train {2 * i + 1} "]
        assert part[2:502] == [f"s{j}, e{j}" for j in range(500 * i, 500 * (i + 1))]
        assert part[502:] == [f"q{j} a{j} #### {j}" for j in range(3 * i, 3 * (i + 1))]


def test_the_held_out_parts_are_those_of_wikitext(folder):
    assert mixed(folder).validation == corpora.read(TextData(source=str(folder))).validation


def test_a_text_without_splits_of_its_own_is_not_mixed(folder):
    with pytest.raises(UserError, match=r"data.mix mixes WikiText.*'king-james' is not like it"):
        corpora.read(TextData(mix=str(folder)))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"ctx": "s", "endings": ["a"], "label": 0', "line 1 is not JSON"),
        ('{"ctx": "s", "label": 0}', "line 1 should be a record with ctx, endings, label"),
        ('\n["ctx", "endings", "label"]', "line 2 should be a record"),
        ('{"ctx": "s", "endings": ["a"], "label": 4}', "is not hellaswag's"),
        ('{"ctx": "s", "endings": ["a"], "label": ""}', "is not hellaswag's"),
        ("\n", "has no records"),
    ],
)
def test_a_wrong_file_is_named_with_its_line(folder, content, message):
    (folder / "hellaswag.jsonl").write_text(content)
    with pytest.raises(UserError, match=f"hellaswag.jsonl.*{message}"):
        mixed(folder)


def test_a_missing_file_is_named_by_the_plan_and_by_what_reads_it(folder):
    (folder / "gsm8k.parquet").unlink()
    with pytest.raises(UserError, match=r"data.mix: no gsm8k.jsonl and no gsm8k.parquet in"):
        mixed(folder)
    needs = needs_of(LanguageModelConfig(), TextData(source=str(folder), mix=str(folder)))
    assert [(need.what, need.missing is None) for need in needs] == [("the text hellaswag", True), ("the text gsm8k", False)]


def test_the_files_of_the_hub_are_asked_for_by_their_names(folder, monkeypatch):
    asked = []

    def downloaded(repository: str, name: str, **_: object) -> str:
        asked.append(f"{repository} {name}")
        return str(folder / ("hellaswag.parquet" if "hellaswag" in repository else "gsm8k.parquet"))

    pd.read_json(folder / "hellaswag.jsonl", lines=True).to_parquet(folder / "hellaswag.parquet")
    monkeypatch.setattr(hub.huggingface_hub, "hf_hub_download", downloaded)
    monkeypatch.setattr(hub, "reachable", lambda: True)
    on_hub = corpora.read(TextData(source=str(folder), mix="hub"))
    assert asked == ["Rowan/hellaswag data/train-00000-of-00001.parquet", "openai/gsm8k main/train-00000-of-00001.parquet"]
    assert on_hub.train == mixed(folder).train
