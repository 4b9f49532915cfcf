"""What was found in the texts of an item, and the placeholder of each. Pure."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

PERSON: Final = "PERSON"
PHONE_NUMBER: Final = "PHONE_NUMBER"
KINDS: Final = (
    "EMAIL_ADDRESS",
    "CREDIT_CARD",
    "IBAN_CODE",
    "IP_ADDRESS",
    PHONE_NUMBER,
    PERSON,
)
"""Kinds of entities, in the names of Presidio, the surest first."""
PLACEHOLDER: Final = re.compile(r"<[A-Z]+(?:_[A-Z]+)*(?:_(?P<number>\d+))?>")
"""A placeholder, of this anonymiser or of another that the text went through before."""

_WORD: Final = re.compile(r"[^\W\d_][\w'\u2019-]*")
_POSSESSIVE: Final = re.compile(r"['\u2019]s$", re.IGNORECASE)
_OPERATORS: Final = re.compile(r"\(\?[^)]*[:)]|\\[A-Za-rt-z0-9]|[|()\[\]{}*?^$]")
"""Of a regular expression: what ends a text in it, but for a space (`\\s`)."""
_BOUNDARY: Final = re.compile(r"(\\\\)|\\b")
"""A boundary in a regular expression, or a backslash that belongs to none."""
_PART_LETTERS_LEAST: Final = 3
"""Of a part of a name that is looked for by itself: shorter ones are words of their own."""
_PHONE_DIGITS: Final = 8
"""Last digits that tell phone numbers of an item apart, however their beginning is written."""
_PARTICLES: Final = frozenset(
    {"van", "von", "der", "den", "del", "della", "dos", "bin", "ibn", "the", "and", "for", "your"}
)
"""Words of names that stand elsewhere too."""


@dataclass(frozen=True)
class Span:
    """Something private in a text.

    Attributes:
        start: Place of its first character, from 0.
        end: Place behind its last.
        kind: One of `KINDS`.
    """

    start: int
    end: int
    kind: str


Finder = Callable[[str], Sequence[Span]]
"""Finds what is private in a text, in any order; spans may overlap."""


@dataclass(frozen=True)
class Placeholders:
    """The placeholders of an item.

    Attributes:
        by_key: Placeholder of each entity; see `key_of`.
        whole: Entities as they were found, searched for in any case.
        names: Single names of people, in small letters.
        forms: The same as they are searched for where case matters: Will is a word too.
    """

    by_key: Mapping[tuple[str, str], str]
    whole: tuple[str, ...]
    names: tuple[str, ...]
    forms: tuple[str, ...]

    def replace(self, text: str, spans: Iterable[Span] = (), *, ignore_case: bool = False) -> str:
        """The text with a placeholder for every entity of the item, found here or elsewhere in it.

        Args:
            text: Of a field.
            spans: What was found in it.
            ignore_case: True where the case of letters does not matter: then single names are
                replaced in any case.
        """
        places = [
            (span.start, span.end, self.by_key[key_of(span.kind, text[span.start : span.end])])
            for span in spans
        ]
        searches = (any_case(self.whole, _as_text), self._singly(_as_text, ignore_case=ignore_case))
        return _written(text, [*places, *self._seen(searches, text)])

    def replace_in_pattern(self, pattern: str) -> str:
        """The same of a regular expression, which may escape dots and write spaces otherwise."""
        ignore_case = pattern.startswith("(?i")
        searches = (
            any_case(self.whole, _as_pattern),
            self._singly(_as_pattern, ignore_case=ignore_case),
        )
        written = _written(pattern, list(self._seen(searches, pattern)))
        return written if written == pattern else _with_boundaries(written)

    def _singly(self, spelled: "Spelled", *, ignore_case: bool) -> re.Pattern[str] | None:
        return any_case(self.names, spelled) if ignore_case else _search(self.forms, spelled)

    def _seen(
        self, searches: Iterable[re.Pattern[str] | None], text: str
    ) -> Iterator[tuple[int, int, str]]:
        for search in filter(None, searches):
            for match in search.finditer(text):
                keys = (key_of(kind, plain(match[0])) for kind in KINDS)
                called = next((self.by_key[key] for key in keys if key in self.by_key), None)
                if called is not None:
                    yield match.start(), match.end(), called


def key_of(kind: str, text: str) -> tuple[str, str]:
    """What is the same for all ways in which an entity is written."""
    if kind == PERSON:
        return kind, " ".join(names_of(text))
    if kind == PHONE_NUMBER:
        return kind, "".join(filter(str.isdigit, text))[-_PHONE_DIGITS:]
    return kind, re.sub(r"[\s-]", "", text).casefold()


def names_of(text: str) -> tuple[str, ...]:
    """The single names of a person, in small letters.

    >>> names_of("Siobhan O'Connor's")
    ('siobhan', "o'connor")
    """
    words = _WORD.findall(_POSSESSIVE.sub("", text.strip()))
    return tuple(word.casefold() for word in words) or (text.strip().casefold(),)


def trimmed(text: str, span: Span) -> Span:
    """A person's span without white space around it and without the `'s` of a genitive."""
    if span.kind != PERSON:
        return span
    said = text[span.start : span.end]
    start = span.start + len(said) - len(said.lstrip())
    kept = _POSSESSIVE.sub("", said.strip())
    return Span(start, start + len(kept), span.kind)


def outside_placeholders(text: str, spans: Iterable[Span]) -> list[Span]:
    """Spans that touch no placeholder that stood there before."""
    taken = _placeholders_in(text)
    return [span for span in spans if not _touches(taken, span.start, span.end)]


def without_parts(spans: Iterable[Span]) -> list[Span]:
    """Spans that are no part of another; of two in one place, the surer."""
    kept: list[Span] = []
    for span in sorted(spans, key=lambda one: (one.start - one.end, KINDS.index(one.kind))):
        if not any(one.start <= span.start and span.end <= one.end for one in kept):
            kept.append(span)
    return kept


def placeholders_of(texts: Sequence[str], found: Sequence[Sequence[Span]]) -> Placeholders:
    """Give everything that was found in an item its placeholder.

    Numbers follow the order of the texts. A person who is also called by a part of the name is the
    same person; of two with that part in common, the first.

    Args:
        texts: Of the item, in their order; one that holds `<PERSON_1>` keeps it, and nobody else
            gets it.
        found: In each of them.
    """
    surfaces = [
        (span.kind, text[span.start : span.end])
        for text, spans in zip(texts, found, strict=True)
        for span in sorted(spans, key=lambda one: (one.start, -one.end))
    ]
    taken = {match[0] for text in texts for match in PLACEHOLDER.finditer(text)}
    by_key = _numbered(surfaces, taken)
    people = [key for kind, key in by_key if kind == PERSON]
    parts = {name for key in people for name in key.split(" ") if _stands_alone(name)}
    names = sorted(parts.union(key for key in people if " " not in key))
    for name in names:
        holder = next(key for key in people if name in key.split(" "))
        by_key.setdefault((PERSON, name), by_key[PERSON, holder])
    said = [text for kind, text in surfaces if kind == PERSON]
    as_found = {word for text in said for word in _WORD.findall(text) if word.casefold() in names}
    return Placeholders(
        by_key=by_key,
        whole=tuple(text for kind, text in surfaces if kind != PERSON or " " in text.strip()),
        names=tuple(names),
        forms=tuple(as_found.union(*((name.title(), name.upper()) for name in names))),
    )


def _numbered(surfaces: Sequence[tuple[str, str]], taken: set[str]) -> dict[tuple[str, str], str]:
    """A placeholder for each key, in the order in which they were found."""
    keys = list(dict.fromkeys(key_of(kind, text) for kind, text in surfaces))
    by_key: dict[tuple[str, str], str] = {}
    for key in keys:
        holder = _longer_name(key, keys)
        if holder not in by_key:
            by_key[holder] = _free(key[0], taken)
        by_key[key] = by_key[holder]
    return by_key


def _longer_name(key: tuple[str, str], keys: Sequence[tuple[str, str]]) -> tuple[str, str]:
    """The fullest name of the same person; the key itself when it is the fullest, or no person."""
    kind, name = key
    if kind != PERSON:
        return key
    holders = [other for other in keys if other[0] == PERSON and f" {name} " in f" {other[1]} "]
    return max(holders, key=lambda one: len(one[1].split(" ")))


def _free(kind: str, taken: set[str]) -> str:
    number = 1
    while f"<{kind}_{number}>" in taken:
        number += 1
    taken.add(f"<{kind}_{number}>")
    return f"<{kind}_{number}>"


def _stands_alone(name: str) -> bool:
    return len(name) >= _PART_LETTERS_LEAST and name not in _PARTICLES


def plain(pattern: str) -> str:
    """A regular expression without its escapes, as far as it is a text."""
    return re.sub(r"\\(\W)", r"\1", re.sub(r"\\s[+*]?", " ", pattern))


def literals_of(pattern: str) -> list[str]:
    """The texts in a regular expression: what stands between its operators."""
    return [text for text in map(plain, _OPERATORS.split(pattern)) if len(text.strip()) > 1]


def _with_boundaries(pattern: str) -> str:
    """The same pattern, in which a boundary of words may be one of a placeholder too."""
    return _BOUNDARY.sub(lambda found: found[1] or r"(?:\b|(?=<)|(?<=>))", pattern)


Spelled = Callable[[str], str]


def _as_text(text: str) -> str:
    """A search for a text as whole words, with any white space between them."""
    together = r"\s+".join(map(re.escape, text.split()))
    return rf"(?<!\w){together}(?!\w)"


def _as_pattern(text: str) -> str:
    """The same where a text stands in a regular expression."""
    words = ("".join(rf"\\?{re.escape(letter)}" for letter in word) for word in text.split())
    together = r"(?:\s|\\\s|\\s[+*]?)+".join(words)
    return rf"(?:(?<!\w)|(?<=\\[bBAsSdDwWntr])){together}(?!\w)"


def any_case(texts: Iterable[str], spelled: Spelled) -> re.Pattern[str] | None:
    """Search for texts in any case; None: there are none."""
    return _search(texts, spelled, re.IGNORECASE)


def _search(texts: Iterable[str], spelled: Spelled, flags: int = 0) -> re.Pattern[str] | None:
    longest_first = sorted({*filter(str.strip, texts)}, key=lambda one: (-len(one), one))
    return re.compile("|".join(map(spelled, longest_first)), flags) if longest_first else None


def _placeholders_in(text: str) -> list[tuple[int, int]]:
    return [match.span() for match in PLACEHOLDER.finditer(text)]


def _touches(taken: Iterable[tuple[int, int]], start: int, end: int) -> bool:
    return any(first < end and start < last for first, last in taken)


def _united(places: Iterable[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """Places that overlap as one, so that no end of either is left; it is called as the longest."""
    united: list[tuple[int, int, str]] = []
    longest = 0
    for start, end, placeholder in sorted(places, key=lambda one: (one[0], -one[1])):
        if united and start < united[-1][1]:
            before, until, called = united[-1]
            called = placeholder if end - start > longest else called
            longest = max(longest, end - start)
            united[-1] = (before, max(until, end), called)
        else:
            united.append((start, end, placeholder))
            longest = end - start
    return united


def _written(text: str, places: Iterable[tuple[int, int, str]]) -> str:
    parts: list[str] = []
    at = 0
    taken = _placeholders_in(text)
    kept = [place for place in places if not _touches(taken, place[0], place[1])]
    for start, end, placeholder in _united(kept):
        parts += [text[at:start], placeholder]
        at = end
    return "".join([*parts, text[at:]])
