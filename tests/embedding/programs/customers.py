from sqlalchemy import create_engine, text

from wabroadcast_core import AudienceRow, Model

engine = create_engine("sqlite:///shop.db")
QUERY = text("SELECT phone, name, city FROM customers WHERE city = :city ORDER BY id")


class CustomerSettings(Model):
    city: str


class Customers:
    kind, Settings, repeatable = "customers", CustomerSettings, True

    def __init__(self, settings, context):
        self.city = settings.city

    def read(self):
        with engine.connect() as conn:
            for row in conn.execution_options(yield_per=500).execute(QUERY, {"city": self.city}):
                yield AudienceRow(number=row.phone, name=row.name, variables={"city": row.city})
