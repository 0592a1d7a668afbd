# Tillflow's production image; docker-compose.yaml says how it runs. Airflow's slim image brings the
# user, the entry point and Airflow itself; our lock replaces its packages by the versions we test.
FROM apache/airflow:slim-3.3.2-python3.12

COPY requirements.txt requirements-celery.txt /opt/tillflow/
# --no-deps: both files are complete, and a package they do not name must not slip in
RUN pip install --no-cache-dir --compile --no-deps --require-hashes \
        --requirement /opt/tillflow/requirements.txt --requirement /opt/tillflow/requirements-celery.txt

# What may come along is listed in .dockerignore. Owned by root: the service cannot change its code.
COPY . /opt/tillflow/
USER root
# New named volumes take the owner of the folder they are mounted on.
RUN install -d -o airflow -g root -m 0770 /var/lib/tillflow /var/log/airflow /var/mail/caught \
    && chmod -R a+rX /opt/tillflow \
    && python -m compileall -q /opt/tillflow/include /opt/tillflow/dags /opt/tillflow/plugins
USER airflow

WORKDIR /opt/tillflow
# Allocators keep what they once had, each arena and pool for itself: memory without use.
ENV PYTHONPATH=/opt/tillflow/include MALLOC_ARENA_MAX=2 ARROW_DEFAULT_MEMORY_POOL=system
