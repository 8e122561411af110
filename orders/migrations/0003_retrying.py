from django.db import migrations, models


def tell_retrying(apps, schema_editor):
    """Until now the copy said waiting for both; few orders are either."""
    orders = apps.get_model("orders", "Order").objects
    tried = orders.filter(delivery_status="waiting", delivery__attempts__gt=0)
    orders.filter(pk__in=tried.values("pk")).update(delivery_status="retrying")


def tell_waiting(apps, schema_editor):
    orders = apps.get_model("orders", "Order").objects
    orders.filter(delivery_status="retrying").update(delivery_status="waiting")


class Migration(migrations.Migration):

    dependencies = [
        ('orders', '0002_initial'),
    ]

    operations = [
        migrations.AlterField(
            model_name='order',
            name='delivery_status',
            field=models.CharField(choices=[('held', 'Held'), ('waiting', 'Waiting'), ('retrying', 'Retrying'), ('sending', 'Sending'), ('delivered', 'Delivered'), ('failed', 'Failed')], max_length=16),
        ),
        migrations.RunPython(tell_retrying, tell_waiting),
    ]
