"""What the turns of one worker process share."""

import asyncio
from dataclasses import dataclass

from wabroadcast_core.clock import SteadyClock
from wabroadcast_core.delivery.claimer import Claimer
from wabroadcast_core.delivery.ledger import Ledger
from wabroadcast_core.delivery.primed_pace import PrimedPace
from wabroadcast_core.delivery.sends import SendTasks
from wabroadcast_core.delivery.wakeups import Wakeups
from wabroadcast_core.outcomes.recorder import Recorder
from wabroadcast_core.pacing.lanes import Lanes
from wabroadcast_core.pacing.per_recipient import RecipientGaps
from wabroadcast_core.recovery.intents import Intents
from wabroadcast_core.recovery.lease import WorkerLease
from wabroadcast_core.settings import Settings
from wabroadcast_core.transport.live_senders import LiveSenders


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnResources:
    """The parts that a turn, its planners and its dispatcher use. Built once, by the engine."""

    settings: Settings
    clock: SteadyClock
    stopping: asyncio.Event  # set: the process ends, nothing new is claimed or started
    ledger: Ledger
    claimer: Claimer
    pace: PrimedPace
    recipient_gaps: RecipientGaps
    lanes: Lanes
    live_senders: LiveSenders
    sends: SendTasks
    intents: Intents
    lease: WorkerLease
    recorder: Recorder
    wakeups: Wakeups
