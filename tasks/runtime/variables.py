"""Environment variables that are no setting of the configuration: where things are, and what a deployment has."""

from __future__ import annotations

VARIABLES = {
    "PINSAGE_ROOT": "Root of the store, for the DAGs and for commands without --root: a folder, s3://bucket/prefix or "
    "gs://bucket/prefix.",
    "PINSAGE_CONFIG": "TOML file with sections of the configuration.",
    "PINSAGE_CACHE": "Downloads, assembled arrays, scratch; default: _cache in a local store, else ~/.cache/pinsage.",
    "PINSAGE_CRON": "Schedule of pinsage_prepare; empty = only by hand.",
    "PINSAGE_GPU_POOL": "Airflow pool of the training task.",
    "PINSAGE_DASK_POOL": "Airflow pool of the tasks that use Dask.",
    "PINSAGE_TRAINER_QUEUE": "Celery queue of the training task.",
    "PINSAGE_APPROVAL": "true = a person approves before a challenger becomes the champion.",
    "PINSAGE_DEADLINE_HOURS": "Hours after which a run that is not done is reported.",
    "PINSAGE_ALERT_URL": "Webhook that failures and late runs are posted to.",
    "PINSAGE_DASK_DASHBOARD_URL": "Dask's dashboard, for a button in Airflow.",
    "PINSAGE_TENSORBOARD_URL": "TensorBoard, for a button in Airflow.",
    "PINSAGE_FAILPOINT": "For tests: the place at which the process kills itself.",
}
