"""What one transaction changes beside the rows of messages: the counters of broadcasts, and which results are new."""

from collections import Counter


class Changes(Counter[tuple[int, str]]):
    """By how much each counter grows, by broadcast id and column, or by broadcast id and the name of a failure.

    ``results`` has the keys of the messages with a new result, which callbacks report: sent, failed, delivered, ….
    ``tests`` has the ids of those broadcasts that are tests, once the changes are applied.
    """

    def __init__(self) -> None:
        super().__init__()
        self.results: list[int] = []
        self.tests: set[int] = set()
