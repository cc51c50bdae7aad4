"""The names of variables, made from column headers."""

import re
import unicodedata

_NON_WORD = re.compile(r"[\W_]+")
_BREAKS = re.compile("__+")
_ACCENTS = re.compile("[\u0300-\u036f]")
_LONGEST = 100  # characters of a header that are read


def make_slug(header: str) -> str:
    """Return the variable name of a header: ``No. Kamar`` is ``no_kamar``. It is empty if none can be made."""
    folded = unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFKD", header[:_LONGEST])))
    slug = _NON_WORD.sub(_separate, folded.lower()).strip("_")
    if slug[:1].isdecimal():
        slug = f"column_{slug}"
    return slug if slug.isidentifier() else ""


def _separate(found: re.Match[str]) -> str:
    """Return what stands between two words; the vowel signs of many scripts are no separators: नाम is one word."""
    signs = "".join(sign if unicodedata.category(sign).startswith("M") else "_" for sign in found[0])
    return _BREAKS.sub("_", signs)
