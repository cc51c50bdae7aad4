"""The plugin manager: one typed method for each hook, and what its failure means for the work."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from wabroadcast_core.errors import BlacklistAwayError, NotFoundError, PluginError, UncheckedError
from wabroadcast_core.hookspecs import ContactSource, Sender
from wabroadcast_core.models.broadcast import BroadcastSummary
from wabroadcast_core.models.message import OutgoingMessage
from wabroadcast_core.models.notices import FinishedMessage, MessageReceipt
from wabroadcast_core.models.receipt import Inbound
from wabroadcast_core.plugins.facts import PluginFacts, collect_call_order, collect_facts
from wabroadcast_core.plugins.failures import Failures
from wabroadcast_core.plugins.guards import CURRENT_RUN, HookRun
from wabroadcast_core.plugins.loading import PluginLoader
from wabroadcast_core.plugins.quarantine import Quarantined
from wabroadcast_core.settings import Settings

log = logging.getLogger(__name__)

Kind = TypeVar("Kind", type[Sender], type[ContactSource])


class Plugins:
    """All plugins of one application, with one typed method for each hook. Built by :func:`build_plugins`."""

    def __init__(self, loader: PluginLoader) -> None:
        self._loader = loader
        self._manager = loader.manager
        self.senders: Mapping[str, type[Sender]] = loader.senders
        self.contact_sources: Mapping[str, type[ContactSource]] = loader.contact_sources
        self.quarantined: Mapping[str, Quarantined] = loader.quarantined
        """The plugins that cannot be used, by name."""
        self.failures: Failures = loader.failures
        """What the plugins failed at in this process."""
        self.threads = loader.threads
        """In which the code of plugins runs."""
        self._files = loader.source_files()
        packages = {Path(file).parent: name for file, name in self._files.items()}
        self._packages = {str(path): name for path, name in packages.items() if (path / "__init__.py").exists()}

    def sender(self, kind: str) -> type[Sender]:
        """Return the sender class of a kind.

        :raises NotFoundError: no plugin provides this kind; the text names quarantined plugins that may provide it.
        """
        return self._find(self.senders, kind, "sender")

    def contact_source(self, kind: str) -> type[ContactSource]:
        """Return the contact source class of a kind.

        :raises NotFoundError: no plugin provides this kind; the text names quarantined plugins that may provide it.
        """
        return self._find(self.contact_sources, kind, "contact source")

    @property
    def stop(self) -> str | None:
        """Why nothing may be sent: a blacklist or a validator is quarantined. None if none is."""
        return "; ".join(str(one) for one in self.quarantined.values() if one.may_stop) or None

    def blacklisted(self, numbers: Sequence[str]) -> dict[str, str]:
        """Return the numbers that must not be messaged, each with the reason.

        No message is sent while a blacklist cannot answer.

        :raises BlacklistAwayError: a plugin raised, did not return in time, or is quarantined; the text names it.
        """
        if (stop := self.stop) is not None:
            raise BlacklistAwayError(stop)
        results, run = self._call("wab_blacklisted", numbers=numbers)
        if run.failures or run.hung:
            raise BlacklistAwayError("; ".join([*run.failures, *run.hung]))
        return _merged(results)

    def validate_numbers(self, numbers: Sequence[str], *, connection: str) -> dict[str, str]:
        """Return the numbers that cannot be messaged, each with the reason.

        A plugin that raises is logged, and its result is left out.

        :raises UncheckedError: a plugin did not return in time; the text names it.
        """
        results, run = self._call("wab_validate_numbers", numbers=numbers, connection=connection)
        if run.hung:
            raise UncheckedError("; ".join(run.hung))
        return _merged(results)

    @property
    def has_before_send_hooks(self) -> bool:
        """Whether any plugin implements ``wab_before_send``."""
        return self._has("wab_before_send")

    def before_send(self, message: OutgoingMessage) -> Sequence[str]:
        """Pass a message to the plugins before it is sent; they may change it.

        :returns: the plugins that changed it.
        :raises SendError: a plugin ends this attempt, as if the sender had raised the error.
        """
        _, run = self._call("wab_before_send", message=message)
        return run.changers

    @property
    def has_blacklists(self) -> bool:
        """Whether any plugin implements ``wab_blacklisted``, or may do so and is quarantined."""
        return self._has("wab_blacklisted") or self.stop is not None

    @property
    def has_finished_hooks(self) -> bool:
        """Whether any plugin implements ``wab_messages_finished``."""
        return self._has("wab_messages_finished")

    def messages_finished(self, results: Sequence[FinishedMessage]) -> None:
        """Notify the plugins that messages need no more work."""
        self._call("wab_messages_finished", results=results)

    @property
    def has_receipt_hooks(self) -> bool:
        """Whether any plugin implements ``wab_receipts``."""
        return self._has("wab_receipts")

    def receipts(self, receipts: Sequence[MessageReceipt]) -> None:
        """Notify the plugins that receipts were applied to messages."""
        self._call("wab_receipts", receipts=receipts)

    def broadcast_changed(self, broadcast: BroadcastSummary) -> None:
        """Notify the plugins that a broadcast has a new status."""
        self._call("wab_broadcast_changed", broadcast=broadcast)

    def inbound(self, message: Inbound, *, connection: str) -> None:
        """Notify the plugins that a person wrote to a connection."""
        self._call("wab_inbound", message=message, connection=connection)

    def owner_of(self, filename: str) -> str | None:
        """Return the name of the plugin that a source file belongs to; None if it is of no plugin.

        A file beside those of a plugin, in the same package, belongs to it too.
        """
        if filename in self._files:
            return self._files[filename]
        return self._packages.get(str(Path(filename).parent))

    def facts(self) -> list[PluginFacts]:
        """Return the plugins by name, the blocked and the quarantined ones included."""
        return collect_facts(self._loader)

    def call_order(self) -> dict[str, list[str]]:
        """Return for each hook that is implemented the plugins in the order in which they are called."""
        return collect_call_order(self._loader)

    def log_quarantined(self) -> None:
        """Log each quarantined plugin, in one line."""
        for quarantined in self.quarantined.values():
            log.error("%s", quarantined)

    def _call(self, hook: str, **arguments: Any) -> tuple[list[Any], HookRun]:
        """Call a hook through pluggy. Its implementations have guards, which note what fails."""
        run = HookRun()
        token = CURRENT_RUN.set(run)
        try:
            return getattr(self._manager.hook, hook)(**arguments), run
        finally:
            CURRENT_RUN.reset(token)

    def _has(self, hook: str) -> bool:
        return bool(getattr(self._manager.hook, hook).get_hookimpls())

    def _find(self, kinds: Mapping[str, Kind], kind: str, what: str) -> Kind:
        try:
            return kinds[kind]
        except KeyError:
            raise NotFoundError(f"{what} kind", kind, hint=self._hint(kind)) from None

    def _hint(self, kind: str) -> str:
        """Return why a kind may be missing: the plugins that may provide it are quarantined, or none is installed."""
        certain = [one for one in self.quarantined.values() if kind in one.kinds]
        possible = certain or [one for one in self.quarantined.values() if not one.kinds]
        return "; ".join(map(str, possible)) or "`wabroadcast plugins` lists the installed plugins"


def build_plugins(
    extra: Iterable[object] = (),
    *,
    settings: Settings | None = None,
    blocked: Iterable[str] = (),
    discover: bool = True,
) -> Plugins:
    """Find the installed plugins (entry-point group ``wabroadcast``), add ``extra`` ones, and check them all.

    A plugin that cannot be used is quarantined: the others work without it.

    :param extra: plugins beside the installed ones: modules or objects.
    :param settings: passed to the plugins that are created; by default those of the environment.
    :param blocked: names of plugins that must not run.
    :param discover: whether installed plugins are loaded.
    :raises PluginError: an extra plugin is given twice, or is a class in the place of an object or the reverse, or a
        plugin is quarantined and the settings are strict.
    :raises SetupError: a setting of a plugin is not valid.
    """
    settings = settings or Settings()
    loader = PluginLoader(settings, blocked=blocked)
    if discover:
        loader.load_installed()
    for plugin in extra:
        loader.load_given(plugin)
    loader.check_required()
    if settings.plugins_strict and loader.quarantined:
        raise PluginError("; ".join(map(str, loader.quarantined.values())))
    return Plugins(loader)


def _merged(results: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Merge the results of plugins; the last one called wins."""
    merged: dict[str, str] = {}
    for result in results:
        merged |= result
    return merged
