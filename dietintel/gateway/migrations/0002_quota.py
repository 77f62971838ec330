from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("gateway", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="providerstate",
            name="quota_used",
            field=models.IntegerField(default=0),
        ),
        migrations.AddField(
            model_name="providerstate",
            name="quota_window",
            field=models.BigIntegerField(default=0),
        ),
    ]
