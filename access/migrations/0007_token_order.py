from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [("access", "0006_connected_clients")]

    operations = [
        migrations.AlterModelOptions(
            name="roletoken", options={"ordering": ["-created_at", "id"], "verbose_name": "token"}
        ),
    ]
