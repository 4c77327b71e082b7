#!/bin/sh
# Once per deployment and after every upgrade: database, first user, pools. Running it again changes nothing.
set -eu
airflow db migrate
airflow users create --username admin --role Admin --firstname PinSage --lastname Admin --email admin@example.org \
    --password "${AIRFLOW_ADMIN_PASSWORD:?the password of the first user}"
cat > /tmp/pools.json <<JSON
{"$PINSAGE_GPU_POOL": {"slots": $PINSAGE_GPU_SLOTS, "description": "Trainings at once"},
 "$PINSAGE_DASK_POOL": {"slots": $PINSAGE_DASK_SLOTS, "description": "Tasks that use the Dask cluster at once"}}
JSON
airflow pools import /tmp/pools.json
