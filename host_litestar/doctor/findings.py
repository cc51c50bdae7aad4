"""What the doctor finds: one line a fact, with its level and its remedy."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from host_litestar.doctor.texts import say
from wabroadcast_core.sentences import Sentence


class Level(StrEnum):
    """How serious a finding is."""

    OK = "ok"
    WARNING = "warning"  # it works, but not as well or as safely as it should
    FAULT = "fault"  # messages are not sent, or may be lost


_EXIT_STATUS = {Level.OK: 0, Level.WARNING: 1, Level.FAULT: 2}


@dataclass(frozen=True, slots=True)
class Finding:
    """One fact about a part of the installation.

    :param fact: in English; a sentence of ours, or part of the text of an error.
    :param blocks: whether what depends on the part cannot be examined.
    :param whole: the sentence of an error, which has the fact and the remedy.
    """

    part: str
    level: Level
    fact: str
    remedy: str = ""
    blocks: bool = False
    whole: Sentence | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the finding for JSON."""
        said = self.whole or self.fact
        code = said.code if isinstance(said, Sentence) else None
        return {"part": self.part, "level": self.level, "code": code, "fact": self.fact, "remedy": self.remedy}


def ok(part: str, fact: str) -> Finding:
    """Return that something works."""
    return Finding(part, Level.OK, fact)


def warning(part: str, fact: str, remedy: str) -> Finding:
    """Return that something should be better."""
    return Finding(part, Level.WARNING, fact, remedy)


def fault(part: str, fact: str, remedy: str) -> Finding:
    """Return that something does not work."""
    return Finding(part, Level.FAULT, fact, remedy)


def fault_of(part: str, text: str) -> Finding:
    """Return a fault from the text of an error, which states the fact and after a colon the way out."""
    fact, _, remedy = text.partition(": ")
    whole = text if isinstance(text, Sentence) else None
    return Finding(part, Level.FAULT, fact, remedy or say("see_log"), blocks=True, whole=whole)


def judge(
    part: str, fact: str, value: float, *, warn_from: float, fault_from: float = float("inf"), remedy: str
) -> Finding:
    """Return a finding whose level follows from a number, which is bad if it is high."""
    if value >= fault_from:
        return fault(part, fact, remedy)
    return warning(part, fact, remedy) if value >= warn_from else ok(part, fact)


def exit_status(findings: Iterable[Finding]) -> int:
    """Return 0 if all is well, 1 with a warning, 2 with a fault."""
    return max((_EXIT_STATUS[finding.level] for finding in findings), default=0)
