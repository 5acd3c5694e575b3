import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ('runs', '0006_rewriting_due'),
    ]

    operations = [
        migrations.AddField(
            model_name='machine',
            name='display_name',
            field=models.CharField(blank=True, default='', help_text='What people call it, where they call it otherwise.', max_length=60),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='machine',
            name='refused_at',
            field=models.DateTimeField(help_text="Since when the agents' doors refuse it.", null=True),
        ),
        migrations.AddField(
            model_name='machine',
            name='refused_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddConstraint(
            model_name='machine',
            constraint=models.UniqueConstraint(condition=models.Q(('display_name', ''), _negated=True), fields=('holder', 'display_name'), name='one_machine_per_holder_and_display_name'),
        ),
    ]
