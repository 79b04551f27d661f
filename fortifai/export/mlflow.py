"""Export to MLflow: an SQLite store with an experiment for the suite, and a run for every chain."""

import logging
import os
from pathlib import Path

from fortifai.export.tables import NAMES, ordered, scalars_of
from fortifai.records.numbers import RunNumbers

STORE = "mlflow.db"
"""What `mlflow server --backend-store-uri sqlite:///FOLDER/mlflow.db` reads."""

AT_ONCE = 1000
"""Metrics that MLflow takes in one batch."""


def write(numbers: RunNumbers, folder: Path) -> None:
    """Write the store into an existing folder. Step and time of a metric are its generation."""
    logging.getLogger("mlflow").setLevel(logging.WARNING)  # it tells how it makes its tables
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read when it is imported: nothing is told to anybody
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param, RunTag

    client = MlflowClient(tracking_uri=f"sqlite:///{folder / STORE}")
    experiment = client.create_experiment(numbers.suite.identity, artifact_location="artifacts")
    for chain in ordered(numbers):
        name = f"{chain.regime} {chain.strategy} {chain.objective} seed {chain.seed}"
        run = client.create_run(experiment, start_time=0, run_name=name).info.run_id
        parameters = [Param(key, str(getattr(chain, key))) for key in (*NAMES, "horizon", "fidelity_metric", "null", "data_hash")]
        tags = [RunTag(key, str(getattr(chain, key))) for key in ("id", "state", "head")]
        client.log_batch(run, params=parameters, tags=tags)
        metrics = [
            Metric(_key(key), value, generation, generation)
            for generation in range(len(chain.generations))
            for key, value in scalars_of(chain, generation).items()
        ]
        for start in range(0, len(metrics), AT_ONCE):
            client.log_batch(run, metrics=metrics[start : start + AT_ONCE])
        client.set_terminated(run, end_time=len(chain.generations))


def _key(name: str) -> str:
    """Return the name of a column as MLflow allows: letters, digits, and _ - . / : and spaces."""
    kept = (sign if sign.isalnum() or sign in "_-./: " else "_" for sign in name.replace(".", "/", 1))
    return "".join(kept)
