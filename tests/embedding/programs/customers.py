from sqlalchemy import create_engine, text

from wabroadcast_core import AudienceRow, Model

engine = create_engine("sqlite:///shop.db")


class Customers:
    kind, Settings, repeatable = "customers", Model, True

    def __init__(self, settings, context): ...

    def read(self):
        with engine.connect() as conn:
            for row in conn.execute(text("SELECT phone, name, city FROM customers ORDER BY id")):
                yield AudienceRow(number=row.phone, name=row.name, variables={"city": row.city})
