import os

from wabroadcast_core import Broadcaster, Settings

ACCOUNT = {
    "phoneNumberId": os.environ["WHATSAPP_PHONE_ID"],
    "accessToken": os.environ["WHATSAPP_TOKEN"],
    "appSecret": os.environ["WHATSAPP_APP_SECRET"],
    "verifyToken": os.environ["WHATSAPP_VERIFY_TOKEN"],
}

with Broadcaster(Settings()) as broadcaster:
    shop = broadcaster.connections.save("shop", {"sender": "whatsapp-cloud", "settings": ACCOUNT})
    print(shop.name, "is", shop.state)
