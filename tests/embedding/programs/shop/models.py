from django.db import models


class Customer(models.Model):
    phone = models.TextField()
    name = models.TextField()
    city = models.TextField()
