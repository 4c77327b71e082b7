"""Health checks of containers: ``healthy.py airflow COMPONENT`` or ``healthy.py URL``; exit code 0 means healthy.

Airflow's components without a web server are judged by the heartbeats that the API server knows; starting the Airflow
command line for every check would cost seconds of CPU.
"""

import json
import sys
import urllib.request

AIRFLOW_HEALTH = "http://api-server:8080/api/v2/monitor/health"

url = AIRFLOW_HEALTH if sys.argv[1] == "airflow" else sys.argv[1]
with urllib.request.urlopen(url, timeout=5) as answer:
    body = answer.read()
if sys.argv[1] == "airflow" and json.loads(body)[sys.argv[2]]["status"] != "healthy":
    sys.exit(1)
