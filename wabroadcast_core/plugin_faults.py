"""Faults of plugin code as the log names them: the type of an exception and its place, never its text.

The text may hold a number or a secret. A place is a file and a line.
"""

import asyncio
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Final

PLUGIN_FAULTS: Final = (Exception, SystemExit, KeyboardInterrupt)
"""What plugin code may raise on an event loop or in a thread: a library that calls ``sys.exit`` ends no process."""

LOOP_ENDS: Final = (asyncio.CancelledError, GeneratorExit)
"""What ends a task and is no fault of a plugin. Whatever else a coroutine of a plugin raises is one."""

_CORE: Final = Path(__file__).parent


def describe_fault(error: BaseException) -> str:
    """Return the type of an exception that a plugin raised, and the places in the plugin and below where it arose."""
    frames = _summaries(traceback.walk_tb(error.__traceback__))
    places = [place_of(frame) for frame in _relevant(frames)]
    return f"{type(error).__name__} at {' > '.join(places)}" if places else type(error).__name__


def place_of(frame: traceback.FrameSummary) -> str:
    """Return the place of a frame: the file with its folder, and the line."""
    return f"{'/'.join(Path(frame.filename).parts[-2:])}:{frame.lineno}"


def stack_of(frame: FrameType) -> Sequence[traceback.FrameSummary]:
    """Return the stack of a thread, outermost first."""
    return _summaries(traceback.walk_stack(frame))[::-1]


def _summaries(frames: Iterator[tuple[FrameType, int]]) -> Sequence[traceback.FrameSummary]:
    """Return the summaries of frames. No source file is read: this may run on the event loop."""
    return traceback.StackSummary.extract(frames, lookup_lines=False)


def _relevant(frames: Sequence[traceback.FrameSummary]) -> Sequence[traceback.FrameSummary]:
    """Return the frames that show where the fault is: the innermost one of the plugin, and the innermost of all."""
    outside = [frame for frame in frames if not Path(frame.filename).is_relative_to(_CORE)]
    if not outside:
        return frames[-1:]
    own = next(frame for frame in reversed(outside) if frame.filename == outside[0].filename)
    return [own] if own is frames[-1] else [own, frames[-1]]
