from wabroadcast_core import hookimpl


class Listener:
    @hookimpl
    def wab_broadcast_changed(self, broadcast):
        print(broadcast.name, broadcast.status)
