from wabroadcast_core import Broadcaster, Settings

THANKS = {"type": "text", "text": "Terima kasih, {{ name }}"}

with Broadcaster(Settings()) as broadcaster:
    job = broadcaster.submit({"name": "Thanks", "message": THANKS}, [{"number": "0812-0000-1001", "name": "Budi"}])
    broadcaster.pause(job.job_id, actor="ana")
    print("waits:", broadcaster.status(job.job_id).waiting_for.code)
    broadcaster.resume(job.job_id, actor="ana")
    broadcaster.cancel(job.job_id, actor="ana")
    print("history:", [f"{act.actor}: {act.act}" for act in broadcaster.get(job.job_id).acts])
