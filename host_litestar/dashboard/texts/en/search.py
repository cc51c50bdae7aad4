"""What the search says."""

from typing import Final

TEXTS: Final = {
    "search.title": "Search",
    "search.title_of": "Results for {q}",
    "search.hint": "Write a name, the id of a broadcast, or a whole number in any spelling.",
    "search.none": "Nothing was found.",
    "search.messages": "Messages to this number",
    "search.messages.caption": "Newest first",
    "search.messages.more": "Only the 50 newest messages are shown.",
    "search.messages.none": "This number has not been sent a message.",
    "search.broadcast": "Broadcast",
    "search.all": "Show all {n}",
}
