"""What the doctor finds, as the command line has it."""

from typing import Final

from host_litestar.doctor.texts import TEXTS as FINDINGS

TEXTS: Final = {
    **{f"sentence.{code}": text for code, text in FINDINGS.items()},
    "sentence.account_up": "The account can send. {detail}",
    "sentence.account_down": "The account cannot send. {detail}",
    "sentence.account_unknown": "The state of the account is not known. {detail}",
}
