#!/bin/sh
# Once per deployment and after every upgrade: database, first user, pools. Running it again changes nothing.
set -eu
airflow db migrate
airflow users create --username admin --role Admin --firstname PinSage --lastname Admin --email admin@example.org \
    --password "${AIRFLOW_ADMIN_PASSWORD:?the password of the first user}"
airflow pools set "$PINSAGE_GPU_POOL" "$PINSAGE_GPU_SLOTS" "Trainings at once"
airflow pools set "$PINSAGE_DASK_POOL" "$PINSAGE_DASK_SLOTS" "Tasks that use the Dask cluster at once"
