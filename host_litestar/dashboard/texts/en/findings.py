"""What the doctor finds, as the command line has it."""

from typing import Final

from host_litestar.doctor.texts import TEXTS as FINDINGS

TEXTS: Final = {f"sentence.{code}": text for code, text in FINDINGS.items()}
