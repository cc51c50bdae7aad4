from django.db import models


class Customer(models.Model):
    phone = models.TextField()
    name = models.TextField()
    city = models.TextField()


class Fact(models.Model):
    job_id = models.TextField()
    message_id = models.TextField()
    number = models.TextField()
    fact = models.TextField()
    reason = models.TextField()


class Order(models.Model):
    draft = models.JSONField()
    people = models.JSONField()
    job_id = models.TextField(default="")
