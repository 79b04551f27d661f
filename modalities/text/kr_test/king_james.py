"""KR-test items made from the King James text: a verse, the next one, and that with a person, place or number exchanged."""

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from ..data.corpora import Corpus
from .items import Item
from .names import NUMBERS, PERSONS, PLACES, Table

COUNT = 600
"""Items that are aimed at: enough for an interval of +-4 points, few enough to be answered within seconds."""

LONGEST_CONTEXT, LONGEST_CONTINUATION = 110, 120
"""Characters. Short verses keep scoring fast, and within the blocks that a small model reads."""

LEAST_WORDS = 8
"""A shorter verse is a formula (And the LORD spake unto Moses, saying) or a row of names, true of many."""

LEAST_OCCURRENCES = 3
"""How often a name must occur in the training text to be put in place of another."""

MOST_RATIO = 4
"""How many times more often the one name may occur in the training text than the other."""

MOST_ALIKE = 0.5
"""No verse with the new name may have more than this share of words in common with the false statement (Jaccard index)."""

AROUND = 2
"""Nor may a verse have the new name with the same so many words on either side, nor the whole clause that it stands in."""

LEAST_CLAUSE = 3
"""Words; a shorter clause says too little to be compared."""

WORD = re.compile(r"[A-Za-zÆæ]+(?:[-’][A-Za-zæ]+)*")
CLAUSE = re.compile(r"[,;:.!()]")
KINDS: tuple[Table, ...] = (*PERSONS, *PLACES, *NUMBERS)
"""All tables of names."""

TABLES_OF: dict[str, list[Table]] = defaultdict(list)
"""The tables that a name stands in."""

for _table in KINDS:
    for _name in _table:
        TABLES_OF[_name].append(_table)


@dataclass(frozen=True)
class _Candidate:
    """A pair of neighbouring verses, and the one word of the second, beginning at ``start``, that may be exchanged."""

    location: int
    context: str
    continuation: str
    start: int
    word: str


def make_items(corpus: Corpus) -> tuple[Item, ...]:
    """Make up to `COUNT` items, evenly spread over the training part, the same every time.

    Context and true continuation are neighbouring lines of the training part, and the continuation occurs once in the text;
    ``location`` is its line in the training part.
    A name is exchanged for one of the same kind in `names` and of similar frequency, alternately a more and a less frequent one,
    so that frequency alone decides nothing. The whole text, held-out parts too, is searched for verses that would make the
    false statement true.
    """
    verses = _Verses(corpus)
    candidates = [candidate for candidate in _candidates(corpus.train) if verses.lines[candidate.continuation] == 1]
    items: list[Item] = []
    for run in range(COUNT):
        chunk = candidates[run * len(candidates) // COUNT : (run + 1) * len(candidates) // COUNT]
        more_frequent = len(items) % 2 == 0
        last_used = items[-1].location if items else 0
        exchanges = (verses.falsify(candidate, more_frequent) for candidate in chunk if candidate.location > last_used)
        if (item := next(filter(None, exchanges), None)) is not None:
            items.append(item)
    return tuple(items)


def _candidates(stretches: tuple[str, ...]) -> Iterator[_Candidate]:
    location = 0
    for stretch in stretches:
        lines = stretch.splitlines()
        for number, (context, line) in enumerate(pairwise(lines), start=location + 2):
            short = len(context) <= LONGEST_CONTEXT and len(line) <= LONGEST_CONTINUATION
            if short and "?" not in line and len(WORD.findall(line)) >= LEAST_WORDS:
                for match in WORD.finditer(line):
                    if _may_be_exchanged(match, line):
                        yield _Candidate(number, context, line, match.start(), match.group())
        location += len(lines)


def _may_be_exchanged(match: re.Match[str], line: str) -> bool:
    word, before, after = match.group(), WORD.findall(line[: match.start()]), WORD.findall(line[match.end() :])
    if word not in TABLES_OF or word in before or word in after:
        return False
    if any(word in table for table in PERSONS):
        # After "of" it may hold for others too: the God of Isaac, the sons of Isaac. After "O" a person is spoken to, and
        # nothing is stated about them.
        return before[-1:] not in (["of"], ["O"])
    if any(word in table for table in NUMBERS):
        return "or" not in (*before[-1:], *after[:1])  # two or three
    return True


class _Verses:
    """The verses of the whole text, by the names in them.

    Attributes:
        count: How often each name occurs in the training part.
        with_name: The words of every verse that has a name, by name, in lower case.
        lines: How often each line occurs in the whole text.
    """

    def __init__(self, corpus: Corpus) -> None:
        self.count = Counter(word for stretch in corpus.train for word in WORD.findall(stretch) if word in TABLES_OF)
        self.with_name: dict[str, list[list[str]]] = defaultdict(list)
        self.lines: Counter[str] = Counter()
        for stretch in (*corpus.train, *corpus.validation, *corpus.test):
            for line in stretch.splitlines():
                self.lines[line] += 1
                for name in {word for word in WORD.findall(line) if word in TABLES_OF}:
                    self.with_name[name].append(_words(line))

    def falsify(self, candidate: _Candidate, more_frequent: bool) -> Item | None:
        """Exchange the word of a candidate for a more or a less frequent one; None if no exchange makes it false for sure."""
        here = WORD.findall(f"{candidate.context} {candidate.continuation}")
        others = [other for other in self._exchangeable(candidate.word, more_frequent) if other not in here]
        # In an order that is the same on every machine, and another one for every verse.
        others.sort(key=lambda other: hashlib.sha256(f"{candidate.continuation}|{other}".encode()).digest())
        for other in others:
            end = candidate.start + len(candidate.word)
            false = candidate.continuation[: candidate.start] + other + candidate.continuation[end:]
            if not self._may_hold(false, other):
                return Item(
                    context=f"{candidate.context}\n",
                    sentence_true=candidate.continuation,
                    sentence_false=false,
                    location=candidate.location,
                )
        return None

    def _exchangeable(self, word: str, more_frequent: bool) -> list[str]:
        own = self.count[word]
        return [
            other
            for table in TABLES_OF[word]
            for other, circles in table.items()
            if not circles & table[word]
            and self.count[other] >= LEAST_OCCURRENCES
            and own / MOST_RATIO <= self.count[other] <= own * MOST_RATIO
            and (self.count[other] > own if more_frequent else self.count[other] < own)
        ]

    def _may_hold(self, statement: str, name: str) -> bool:
        """Return whether a verse with this name says something so similar that the statement may be true."""
        words = _words(statement)
        place = words.index(name.lower())
        clauses = (_words(clause) for clause in CLAUSE.split(statement))
        clause = next(clause for clause in clauses if name.lower() in clause)
        phrases = [words[max(0, place - AROUND) : place + AROUND + 1], *([clause] if len(clause) >= LEAST_CLAUSE else [])]
        vocabulary = set(words)
        for verse in self.with_name[name]:
            if any(f" {' '.join(phrase)} " in f" {' '.join(verse)} " for phrase in phrases):
                return True
            if len(vocabulary & set(verse)) > MOST_ALIKE * len(vocabulary | set(verse)):
                return True
        return False


def _words(text: str) -> list[str]:
    return [word.lower() for word in WORD.findall(text)]
