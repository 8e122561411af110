"""PostgreSQL itself refuses to change or delete what the audit trail holds."""

from django.db import migrations

FORBID = """
CREATE FUNCTION kit_audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'The audit trail is append-only.';
END $$;
CREATE TRIGGER kit_audit_append_only BEFORE UPDATE OR DELETE ON kit_auditevent
FOR EACH ROW EXECUTE FUNCTION kit_audit_append_only();
CREATE TRIGGER kit_audit_not_emptied BEFORE TRUNCATE ON kit_auditevent
FOR EACH STATEMENT EXECUTE FUNCTION kit_audit_append_only();
"""
ALLOW = """
DROP TRIGGER kit_audit_not_emptied ON kit_auditevent;
DROP TRIGGER kit_audit_append_only ON kit_auditevent;
DROP FUNCTION kit_audit_append_only;
"""


def _on_postgresql(sql):
    def run(apps, schema_editor):
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(sql)

    return run


class Migration(migrations.Migration):
    dependencies = [("kit", "0002_initial")]

    operations = [migrations.RunPython(_on_postgresql(FORBID), _on_postgresql(ALLOW))]
