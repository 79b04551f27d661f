"""The paper's mix of WikiText with HellaSwag and GSM8K, which its code calls imagination: six parts, each with a bit of all."""

from collections.abc import Callable, Sequence
from pathlib import Path

from fortifai.errors import UserError
from fortifai.sanitise import user_path

from ..hub import HUB, dataset_file
from .records import Record, read_records

PARTS = 6
"""Parts that the texts are dealt to: the paper's k, so that each of its fractions holds a bit of all three."""

MOST_OF_HELLASWAG = 3000
"""Records of HellaSwag that are taken, the first ones; of the lines of WikiText it is the first half, of GSM8K everything."""

HELLASWAG, GSM8K = "hellaswag", "gsm8k"
ON_HUB = {
    HELLASWAG: ("Rowan/hellaswag", "data/train-00000-of-00001.parquet"),
    GSM8K: ("openai/gsm8k", "main/train-00000-of-00001.parquet"),
}
COLUMNS = {HELLASWAG: ("ctx", "endings", "label"), GSM8K: ("question", "answer")}


def interleave(wikitext: str, where: str) -> str:
    """Return the mix as one text, a record a line.

    Each of six parts has a sixth of the first half of the lines of WikiText, then of the first 3,000 situations of HellaSwag with
    their right endings, then of the questions of GSM8K with their answers.

    Args:
        wikitext: The training text of WikiText.
        where: ``hub``, or a folder with the training parts ``hellaswag.jsonl`` and ``gsm8k.jsonl`` (or ``.parquet``).

    Raises:
        UserError: A file is missing or wrong.
    """
    lines = wikitext.splitlines()
    texts = [
        lines[: len(lines) // 2],
        _texts(file_of(HELLASWAG, where), HELLASWAG, _situation)[:MOST_OF_HELLASWAG],
        _texts(file_of(GSM8K, where), GSM8K, lambda record: f"{record['question']} {record['answer']}"),
    ]
    parts = [_part(text, number) for number in range(PARTS) for text in texts]
    return "".join(f"{' '.join(text.splitlines())}\n" for part in parts for text in part)


def file_of(name: str, where: str) -> Path:
    """Return the file of one data set, downloaded where it is that of the hub and missing.

    Args:
        name: ``hellaswag`` or ``gsm8k``.
        where: As of `interleave`.

    Raises:
        UserError: The file is missing.
    """
    if where == HUB:
        return dataset_file(*ON_HUB[name], f"download it elsewhere and name a folder with {name}.parquet as data.mix")
    files = [user_path(where) / f"{name}{suffix}" for suffix in (".jsonl", ".parquet")]
    for file in files:
        if file.is_file():
            return file
    raise UserError(f"data.mix: no {files[0].name} and no {files[1].name} in {where!r}")


def _texts(file: Path, name: str, text_of: Callable[[Record], str]) -> list[str]:
    records = read_records(file, COLUMNS[name])
    try:
        return [text_of(record) for record in records]
    except (ValueError, IndexError, TypeError) as error:
        raise UserError(f"{file} is not {name}'s: {error}") from None


def _situation(record: Record) -> str:
    return f"{record['ctx']}{record['endings'][int(record['label'])]}"


def _part(texts: Sequence[str], number: int) -> Sequence[str]:
    return texts[number * len(texts) // PARTS : (number + 1) * len(texts) // PARTS]
