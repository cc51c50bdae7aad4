import atexit

from customers import engine
from flask import Flask, Response, request
from sqlalchemy import text

from wabroadcast_core import Broadcaster, BroadcastError, Settings, describe_error

PROMO = {"type": "text", "text": "Halo {{ name }} di {{ city }}"}

app = Flask(__name__)
app.config["MAX_CONTENT_LENGTH"] = 4 * 1024 * 1024  # Meta's calls of a webhook have up to 3 MB
broadcaster = Broadcaster(Settings()).start()
atexit.register(broadcaster.close)


def read_customers():
    with engine.connect() as conn:
        for row in conn.execute(text("SELECT phone, name, city FROM customers ORDER BY id")):
            yield {"number": row.phone, "name": row.name, "variables": {"city": row.city}}


@app.errorhandler(BroadcastError)
def show_problem(error):
    problem = describe_error(error)
    return Response(problem.body, problem.status, problem.headers)


@app.post("/promo")
def send_promo():
    job = broadcaster.submit({"name": "Promo", "message": PROMO}, read_customers())
    return {"jobId": job.job_id}, 202


@app.get("/promo/<job_id>")
def show_promo(job_id):
    return broadcaster.status(job_id).model_dump(mode="json")


@app.route("/webhooks/<name>", methods=["GET", "POST"])
def take_webhook(name):
    query = request.query_string.decode("latin-1")
    answer = broadcaster.answer_webhook(request.method, name, request.headers, request.get_data(), query=query)
    return Response(answer.body, answer.status, answer.headers)


@app.get("/health/ready")
def show_health():
    health = broadcaster.check()  # {"store": "ok", "redis": "ok"}, or the cause of a failure
    return health, 200 if set(health.values()) == {"ok"} else 503
