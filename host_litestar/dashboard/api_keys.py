"""API keys: made once, shown once, revoked with a question. From the first key on, everyone has to sign in."""

from host_litestar.dashboard.controller import PageController, act, page
from host_litestar.dashboard.notices import Notice
from host_litestar.dashboard.view import Page, View, ViewDep
from host_litestar.routes.keys import KeyName
from wabroadcast_core.errors import ConflictError, Fault, InvalidInputError
from wabroadcast_core.models.api_key import Scope
from wabroadcast_core.sentences import sentence_of

PATH = "/ui/settings/keys"


class ApiKeyPages(PageController):
    """Routes under ``/ui/settings/keys``."""

    path = PATH

    @page("", scope=Scope.ADMIN)
    def show(self, view: ViewDep) -> Page:
        """Show the keys, and the form of a new one."""
        return _show(view)

    @act("", scope=Scope.ADMIN)
    def create(self, view: ViewDep) -> Page:
        """Create a key and show it once. There is no redirect: no cookie and no address may have the key."""
        name, scope = view.form.text("name"), view.form.text("scope")
        is_first = _is_first(view)
        if is_first and scope != Scope.ADMIN:
            return _show(view, status=400, faults=[view.fault("scope", "api_keys.first_is_admin")])
        try:
            key = view.broadcaster.api_keys.create({"name": name, "scopes": [scope]}, actor=view.actor)
        except InvalidInputError as error:
            return _show(view, status=400, faults=error.faults)
        except ConflictError as error:
            return _show(view, status=409, faults=[Fault("name", sentence_of(error))])
        return view.page("api_key_new.html", key=key, is_first=is_first)

    @act("/{name:str}/revoke", scope=Scope.ADMIN)
    def revoke(self, view: ViewDep, name: KeyName) -> Page:
        """Revoke a key."""
        view.broadcaster.api_keys.revoke(name, actor=view.actor)
        return view.redirect(view.link(PATH), Notice("api_keys.revoked", {"name": name}))


def _show(view: View, **more: object) -> Page:
    keys = view.broadcaster.api_keys.list()
    admins = [key.name for key in keys if Scope.ADMIN in key.scopes]
    from_settings = len(view.broadcaster.settings.api_keys)
    return view.page(
        "api_keys.html",
        keys=keys,
        from_settings=from_settings,
        only_admin=admins[0] if len(admins) == 1 and not from_settings else None,
        is_first=_is_first(view),
        scopes=[scope.value for scope in reversed(Scope)],
        **more,  # type: ignore[arg-type]  # the status and the faults
    )


def _is_first(view: View) -> bool:
    """Return whether there never was a key, so that no sign-in is needed yet."""
    return not view.broadcaster.settings.api_keys and not view.broadcaster.api_keys.list(revoked=True)
