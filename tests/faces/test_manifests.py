# SPDX-License-Identifier: MIT OR Apache-2.0
"""The examples for clusters: sound by Kubernetes' own schemas, and their commands do what they say."""

from __future__ import annotations

import os
import secrets
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
VERSION = "1.34"  # of Kubernetes
LINES = "".join(f"thing {i} --seed {i} --steps 2 --size 16x16\n" for i in range(12))


def documents(path: str) -> list[dict[str, Any]]:
    return [item for item in yaml.safe_load_all((ROOT / "examples" / path).read_text()) if item]


def forbid_unknown(schema: Any) -> Any:
    """KubeRay's schema drops unknown fields silently; here they are faults."""
    if isinstance(schema, dict):
        if "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
            schema.setdefault("additionalProperties", False)
        for value in schema.values():
            forbid_unknown(value)
    elif isinstance(schema, list):
        for value in schema:
            forbid_unknown(value)
    return schema


@pytest.mark.parametrize("path", ["kubernetes/storage.yaml", "kubernetes/indexed-job.yaml"])
def test_kubernetes_takes_them(path: str) -> None:
    for document in documents(path):
        kubernetes_validate.validate(document, VERSION, strict=True)
        broken = {**document, "spec": {**document["spec"], "paralelism": 4}}
        with pytest.raises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate(broken, VERSION, strict=True)


def test_kubernetes_takes_the_pods_of_the_ray_job() -> None:
    [job] = documents("kuberay/rayjob.yaml")
    cluster = job["spec"]["rayClusterSpec"]
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, **group["template"]}
        kubernetes_validate.validate(pod, VERSION, strict=True)
    pinned = (ROOT / "requirements/faces.txt").read_text()
    assert f"ray[default]=={cluster['rayVersion']}" in pinned.splitlines(), "the version that the tests run"


def test_kuberay_takes_the_ray_job() -> None:
    """DGXP_KUBERAY_CRD names ray-operator/config/crd/bases/ray.io_rayjobs.yaml of KubeRay."""
    if "DGXP_KUBERAY_CRD" not in os.environ:
        pytest.skip("DGXP_KUBERAY_CRD is not set: the fields of the RayJob itself NOT TESTED")
    crd = yaml.load(Path(os.environ["DGXP_KUBERAY_CRD"]).read_text(), yaml.CSafeLoader)
    [version] = [version for version in crd["spec"]["versions"] if version["name"] == "v1"]
    [job] = documents("kuberay/rayjob.yaml")
    job["metadata"] = {}
    checker = jsonschema.Draft202012Validator(forbid_unknown(version["schema"]["openAPIV3Schema"]))
    assert [fault.message for fault in checker.iter_errors(job)] == []
    job["spec"]["rayClusterSpec"]["workerGroupSpec"] = []
    assert list(checker.iter_errors(job))


@pytest.fixture
def programs(build: Path, tmp_path: Path) -> dict[str, str]:
    """`dgx-pixels` and an `srun` that only runs its words; on the stub backend."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/srun").write_text('#!/bin/sh\nexec "$@"\n')
    (tmp_path / "bin/dgx-pixels").write_text(f'#!/bin/sh\nexec {build}/bin/dgx-pixels "$@" --model tiny\n')
    for program in (tmp_path / "bin").iterdir():
        program.chmod(0o755)
    return {**os.environ, "PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "SHARED": str(tmp_path)}


def pictures(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.png")}


def test_four_shares_make_the_whole(tiny: Path, tmp_path: Path, programs: dict[str, str]) -> None:
    (tmp_path / "wishes.txt").write_text(LINES)

    def run(words: list[str], **env: str) -> None:
        subprocess.run(words, env={**programs, **env}, check=True, stdin=subprocess.DEVNULL)

    run(["dgx-pixels", "batch", f"{tmp_path}/wishes.txt", "--output", f"{tmp_path}/whole"])
    whole = pictures(tmp_path / "whole")
    assert len(whole) == 12
    [job] = documents("kubernetes/indexed-job.yaml")
    assert job["spec"]["completions"] == 4
    command = job["spec"]["template"]["spec"]["containers"][0]["command"]
    for index in (2, 0, 3, 1, 1):  # in any order; one was started again
        run(command, JOB_COMPLETION_INDEX=str(index))
    assert pictures(tmp_path / "pictures") == whole
    for task in (3, 1, 4, 2):
        run(["bash", str(ROOT / "examples/slurm/batch.sbatch"), f"{tmp_path}/wishes.txt", f"{tmp_path}/slurm"],
            SLURM_ARRAY_TASK_ID=str(task), SLURM_ARRAY_TASK_MIN="1", SLURM_ARRAY_TASK_COUNT="4")
    assert pictures(tmp_path / "slurm") == whole


def test_the_ray_jobs_entrypoint_is_understood(python: Any) -> None:
    [job] = documents("kuberay/rayjob.yaml")
    words = shlex.split(job["spec"]["entrypoint"])
    assert words[:3] == ["python3", "-m", "dgx_pixels"]
    done = python(*words[1:], check=False)
    assert done.returncode == 1 and "/shared/wishes.txt" in done.stderr, done.stderr


def test_ray_runs_the_job_that_is_submitted(full: bool, tiny: Path, tmp_path: Path, evidence: Any) -> None:
    """What KubeRay does with the example: a head with its dashboard, and the entrypoint handed to it."""
    if not full:
        pytest.skip("a full run starts Ray's head and submits the job to it")
    (tmp_path / "wishes.txt").write_text(LINES)
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        port, dashboard = one.getsockname()[1], other.getsockname()[1]
    [job] = documents("kuberay/rayjob.yaml")
    words = job["spec"]["entrypoint"].replace("/shared", str(tmp_path)).replace("python3", sys.executable)
    ray = str(Path(sys.executable).with_name("ray"))
    env = {**os.environ, "PYTHONPATH": str(ROOT / "bindings/python"),
           "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    short = tempfile.mkdtemp(prefix="ray-", dir="/tmp")  # sockets lie in it, and their paths end at 107 letters
    head = subprocess.Popen(
        [ray, "start", "--head", "--block", "--include-dashboard=true", f"--port={port}", f"--dashboard-port={dashboard}",
         "--num-cpus=2", "--object-store-memory=134217728", f"--temp-dir={short}"],
        env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        address = f"http://127.0.0.1:{dashboard}"
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{address}/api/version", timeout=5).close()
                break
            except urllib.error.HTTPError:
                break  # 401: the command knows its token
            except OSError:
                pass
            assert head.poll() is None, "Ray's head ended"
            time.sleep(1)
        done = subprocess.run([ray, "job", "submit", "--address", address, "--", *shlex.split(words)], env=env, text=True,
                              capture_output=True, timeout=1200)
        assert done.returncode == 0, done.stdout + done.stderr
        assert len(list((tmp_path / "pictures").glob("*.png"))) == 12
    finally:
        head.terminate()
        head.wait(60)
        shutil.rmtree(short, ignore_errors=True)
    evidence("Ray: head with its dashboard, the example's entrypoint by `ray job submit`", 12, "all painted")
