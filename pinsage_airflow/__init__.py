"""The tasks of the DAG files, and what these share: assets, forms, retries, links, alerts, approval; and the plugin.

Beside ``dags/`` the one room that imports airflow. It is a package and not a part of that folder, because Airflow
imports every file of the folder, and because workers and the API server need it too.
"""
