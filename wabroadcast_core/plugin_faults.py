"""Faults of plugin code as the log names them: the type of an exception and its place, never its text.

The text may hold a number or a secret. A place is a file and a line. The name that was not found is shown too, if it is
written in the code, and what Python says of a source file that it cannot compile.
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
_MOST_CAUSES: Final = 5  # an exception may be its own cause


def describe_fault(error: BaseException) -> str:
    """Return the type of an exception that a plugin raised, and the places in the plugin and below where it arose."""
    if isinstance(error, SyntaxError) and (fault := _fault_of_source(error)):
        return fault
    frames = _summaries(traceback.walk_tb(error.__traceback__))
    places = [place_of(frame) for frame in _relevant(frames)]
    name = _missing_name(error)
    fault = f"{type(error).__name__} {name!r}" if name else type(error).__name__
    return f"{fault} at {' > '.join(places)}" if places else fault


def _fault_of_source(error: SyntaxError) -> str:
    """Return what is wrong with a source file that was imported, and where; empty if it is text from elsewhere.

    Python compiles a module under its whole path. Data has another name, such as that of ``ast.literal_eval``.
    """
    if not (isinstance(error.filename, str) and error.filename.endswith(".py") and Path(error.filename).is_absolute()):
        return ""
    return f"{type(error).__name__}: {error.msg} ({Path(error.filename).name}, line {error.lineno})"


def _missing_name(error: BaseException) -> str:
    """Return the attribute, variable or module that was not found; empty if the code does not have that name.

    Another name may be data, as in ``getattr(person, number)``.
    """
    if not isinstance(error, AttributeError | NameError | ImportError):
        return ""
    codes = [frame.f_code for frame, _ in traceback.walk_tb(error.__traceback__)]
    return str(error.name) if codes and error.name in {*codes[-1].co_names, *codes[-1].co_varnames} else ""


def trace_fault(error: BaseException) -> str:
    """Return all calls that an exception went through, and those of its causes: types and places, no text of any."""
    traces: list[str] = []
    current: BaseException | None = error
    while current is not None and len(traces) < _MOST_CAUSES:
        frames = _summaries(traceback.walk_tb(current.__traceback__))
        traces.append(" > ".join([*(f"{place_of(frame)} {frame.name}" for frame in frames), type(current).__name__]))
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return ", caused by ".join(traces)


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
