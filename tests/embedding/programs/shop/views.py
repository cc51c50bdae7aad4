from django.http import HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from wabroadcast_core import BroadcastError, describe_error

PROMO = {
    "name": "Promo",
    "message": {"type": "text", "text": "Halo {{ name }} di {{ city }}"},
    "source": {"type": "customers", "city": "Bandung"},
}


def started_broadcaster():
    from shop.broadcasts import broadcaster  # takes a second: other commands of manage.py do without

    return broadcaster.start()  # at the first request of a process


def with_problems(view):
    def run(request, *args, **kwargs):
        try:
            return view(request, *args, **kwargs)
        except BroadcastError as error:
            problem = describe_error(error)
            return HttpResponse(problem.body, status=problem.status, headers=problem.headers)

    return csrf_exempt(run)  # as for an API that is called with a key; leave it out for the forms of a site


@with_problems
@require_POST
def send_promo(request):
    job = started_broadcaster().submit(PROMO)
    return HttpResponse(job.model_dump_json(), content_type="application/json", status=202)


@with_problems
def show_promo(request, job_id):
    progress = started_broadcaster().status(job_id)
    return HttpResponse(progress.model_dump_json(), content_type="application/json")


@csrf_exempt
def take_webhook(request, name):
    query = request.META["QUERY_STRING"]
    answer = started_broadcaster().answer_webhook(request.method, name, request.headers, request.body, query=query)
    return HttpResponse(answer.body, status=answer.status, headers=answer.headers)


def show_health(request):
    health = started_broadcaster().check()  # {"store": "ok", "redis": "ok"}, or the cause of a failure
    return JsonResponse(health, status=200 if set(health.values()) == {"ok"} else 503)


urlpatterns = [
    path("promo", send_promo),
    path("promo/<job_id>", show_promo),
    path("webhooks/<name>", take_webhook),
    path("health/ready", show_health),
]
