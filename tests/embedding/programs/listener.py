from customers import engine
from sqlalchemy import text

from wabroadcast_core import hookimpl

STORE = text("INSERT INTO facts VALUES (:job_id, :message_id, :number, :fact, :reason)")


class Listener:
    @hookimpl
    def wab_messages_finished(self, results):
        store_facts((one, one.status) for one in results)

    @hookimpl
    def wab_receipts(self, receipts):
        store_facts((one, one.kind) for one in receipts)


def store_facts(facts):
    names = ("job_id", "message_id", "number", "reason")
    rows = [{"fact": str(fact), **{name: getattr(one, name) for name in names}} for one, fact in facts]
    with engine.begin() as conn:
        conn.execute(STORE, rows)
