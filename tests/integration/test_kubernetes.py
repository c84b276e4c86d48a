"""The manifests: rendered by kubectl, checked against Kubernetes' schemas, and their commands run as processes.

No cluster runs them here.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from nlpbatch.server.config import ServerSettings
from nlpbatch.serving.settings import load
from proxy.config import ProxySettings
from tests.fakes.running_store import running_store

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "conf" / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
VERSION = "1.30"
SECRETS = {
    "NLPBATCH_SHARED_SECRET": "a secret of the fleet",
    "NLPBATCH_REGISTRATION_SECRET": "what the APIs know, too",
    "POD_IP": "127.0.0.1",
}


def rendered(overlay):
    if shutil.which("kubectl") is None:
        message = "needs kubectl: apt-get install kubernetes-client"
        pytest.fail(message) if os.environ.get("CI") == "true" else pytest.skip(message)
    command = ["kubectl", "kustomize", str(KUBERNETES / overlay)]
    return list(yaml.safe_load_all(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


def of_kind(objects, kind, name):
    (found,) = (one for one in objects if one["kind"] == kind and one["metadata"]["name"].startswith(name))
    return found


def container(objects, kind, name):
    (found,) = of_kind(objects, kind, name)["spec"]["template"]["spec"]["containers"]
    return found


@pytest.fixture(scope="module")
def base():
    return rendered("base")


@pytest.fixture
def settings(monkeypatch):
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    api = load(KUBERNETES / "base" / "server.toml", ServerSettings)
    return api, load(KUBERNETES / "base" / "proxy.toml", ProxySettings)


@pytest.mark.parametrize("overlay", ["base", "hpa", "keda"])
def test_every_object_is_what_kubernetes_takes(overlay):
    objects = rendered(overlay)
    own = [one for one in objects if one["apiVersion"].partition("/")[0] != "keda.sh"]
    assert len(own) >= 11
    for one in own:
        kubernetes_validate.validate(one, VERSION, strict=True)


def test_the_configuration_travels_as_it_is_and_names_the_manifests_ports(base, settings):
    api, proxy = settings
    for name, file in (("nlpbatch-api", "server.toml"), ("nlpbatch-proxy", "proxy.toml")):
        assert of_kind(base, "ConfigMap", name)["data"][file] == (KUBERNETES / "base" / file).read_text()
    ports = {one["name"]: one["containerPort"] for one in container(base, "Deployment", "nlpbatch-proxy")["ports"]}
    assert ports == {"http": proxy.listen.port, "peer": proxy.peer.port}
    assert proxy.peer.advertise == f"http://127.0.0.1:{proxy.peer.port}"
    assert container(base, "Deployment", "nlpbatch-api")["ports"] == [
        {"name": "http", "containerPort": api.listen.port}
    ]
    services = {one["metadata"]["name"]: one["spec"]["ports"][0]["port"] for one in base if one["kind"] == "Service"}
    assert api.registration.proxies == [f"http://nlpbatch-proxy:{services['nlpbatch-proxy']}"]
    assert proxy.shared.url == f"redis://nlpbatch-store:{services['nlpbatch-store']}/0"


def test_pods_have_the_time_that_their_programs_take_to_end(base, settings):
    api, proxy = settings
    grace_s = {
        name: of_kind(base, "Deployment", name)["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
        for name in ("nlpbatch-api", "nlpbatch-proxy")
    }
    assert grace_s["nlpbatch-api"] >= api.registration.leave_timeout_s + api.listen.drain_timeout_s
    assert grace_s["nlpbatch-proxy"] >= proxy.listen.drain_timeout_s + 5


def test_autoscalers_divide_by_the_workers_of_a_pod_within_the_proxies_bounds(settings):
    api, proxy = settings
    workers = api.pool.workers
    hpa = of_kind(rendered("hpa"), "HorizontalPodAutoscaler", "nlpbatch-api")["spec"]
    keda = of_kind(rendered("keda"), "ScaledObject", "nlpbatch-api")["spec"]
    (metric,) = hpa["metrics"]
    assert metric["external"]["target"] == {"type": "AverageValue", "averageValue": str(workers)}
    (trigger,) = keda["triggers"]
    assert trigger["metadata"]["threshold"] == str(workers)
    assert trigger["metadata"]["query"] == "max(nlpbatch_proxy_wanted_workers)"
    assert trigger["metadata"]["ignoreNullValues"] == "false"
    for least, most in (
        (hpa["minReplicas"], hpa["maxReplicas"]),
        (keda["minReplicaCount"], keda["maxReplicaCount"]),
    ):
        assert (least * workers, most * workers) == (proxy.scaling.min_workers, proxy.scaling.max_workers)


@pytest.mark.parametrize("overlay", ["hpa", "keda"])
def test_applying_again_leaves_the_number_of_apis_to_the_autoscaler(overlay):
    objects = rendered(overlay)
    assert "replicas" not in of_kind(objects, "Deployment", "nlpbatch-api")["spec"]
    assert of_kind(objects, "Deployment", "nlpbatch-proxy")["spec"]["replicas"] == 2


def test_no_container_can_do_more_than_it_needs(base):
    for name, kind in (
        ("nlpbatch-api", "Deployment"),
        ("nlpbatch-proxy", "Deployment"),
        ("nlpbatch-store", "StatefulSet"),
    ):
        pod = of_kind(base, kind, name)["spec"]["template"]["spec"]
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        (one,) = pod["containers"]
        assert one["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert one["resources"]["limits"]["memory"]


def test_compose_starts_the_same_commands_with_the_same_files(base):
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    for name in ("nlpbatch-api", "nlpbatch-proxy"):
        service = compose["services"][name]
        assert service["command"] == container(base, "Deployment", name)["args"]
        file = service["volumes"][0].partition(":")[0]
        assert (DEPLOY / file).exists()
        assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).exists()
    assert compose["services"]["nlpbatch-store"]["image"] == container(base, "StatefulSet", "nlpbatch-store")["image"]


def test_images_are_built_of_what_there_is_and_run_the_manifests_commands(base):
    lines = (DEPLOY / "Containerfile").read_text().replace("\\\n", " ").splitlines()
    steps = [line.split(maxsplit=1) for line in lines if line and not line.startswith("#")]
    known = {"FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "ENTRYPOINT", "EXPOSE", "CMD"}
    assert {word for word, _ in steps} == known
    stages = [re.fullmatch(r"(\S+) AS (\S+)", rest).groups() for word, rest in steps if word == "FROM"]
    names = [name for _, name in stages]
    assert {"api", "proxy"} < set(names)
    for number, (source, _) in enumerate(stages):
        assert source in names[:number] or source.startswith("docker.io/library/python:3.11")
    for rest in (rest for word, rest in steps if word == "COPY"):
        words = rest.split()
        sources = words[1:-1] if words[0].startswith("--from=") else words[:-1]
        if words[0].startswith("--from="):
            assert words[0].removeprefix("--from=") in names
        else:
            assert all((ROOT / source).exists() for source in sources)
    commands = [json.loads(rest) for word, rest in steps if word == "CMD"]
    served = [container(base, "Deployment", name)["args"] for name in ("nlpbatch-api", "nlpbatch-proxy")]
    assert commands == [*served, ["run", "--help"]]
    said = subprocess.run([sys.executable, "-m", "nlpbatch", *commands[-1]], capture_output=True, text=True, check=True)
    assert "RECIPE.toml" in said.stdout


def test_the_commands_run_together_outside_of_containers(base, tmp_path):
    """With the addresses of this machine in the place of those of a cluster, in a directory that can't be written."""
    configs, read_only = tmp_path / "etc", tmp_path / "read-only"
    configs.mkdir()
    read_only.mkdir(mode=0o555)
    with running_store(tmp_path) as store:
        changes = {
            "redis://nlpbatch-store:6379/0": store.url,
            'directory = "/var/lib/nlpbatch"': f'directory = "{tmp_path / "ledger"}"',
            'host = "0.0.0.0"': 'host = "127.0.0.1"',
            **{f"port = {port}": "port = 0" for port in (8700, 8701, 8702, 8703)},
            'advertise = "http://$POD_IP:8703"': "",
            "workers = 4": "workers = 1",
            "ttl_s = 15.0": "ttl_s = 1.0",
            "[scaling]": "[scaling]\nup_window_s = 1.0",
        }
        deadline_s = time.monotonic() + 60
        processes = []

        def start(name, file):
            text = (KUBERNETES / "base" / file).read_text()
            for before, after in changes.items():
                text = text.replace(before, after)
            (configs / file).write_text(text)
            one = container(base, "Deployment", name)
            given = {entry["name"] for entry in one["env"]}
            arguments = [part.replace("/etc/nlpbatch", str(configs)) for part in one["args"]]
            with (tmp_path / f"{name}.log").open("w") as log:
                processes.append(
                    subprocess.Popen(
                        [sys.executable, "-m", "nlpbatch", *arguments],
                        env=os.environ | {key: value for key, value in SECRETS.items() if key in given},
                        cwd=read_only,
                        stdout=log,
                        stderr=log,
                    )
                )

        def port_of_proxy():
            found = re.search(r'"listener": "service".*"port": (\d+)', (tmp_path / "nlpbatch-proxy.log").read_text())
            return found and found[1]

        def wait_for(condition):
            while not (found := condition()):
                assert time.monotonic() < deadline_s, (tmp_path / "nlpbatch-proxy.log").read_text()
                assert all(process.poll() is None for process in processes)
                time.sleep(0.1)
            return found

        try:
            start("nlpbatch-proxy", "proxy.toml")
            port = wait_for(port_of_proxy)
            url = f"http://127.0.0.1:{port}"
            changes["http://nlpbatch-proxy:8700"] = url
            start("nlpbatch-api", "server.toml")
            wait_for(lambda: ready(f"{url}/readyz"))
            proxy = container(base, "Deployment", "nlpbatch-proxy")
            assert all(ready(url + proxy[f"{kind}Probe"]["httpGet"]["path"]) for kind in ("readiness", "liveness"))
            check = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]["nlpbatch-proxy"]["healthcheck"]
            _, _, *rest = (part.replace(":8700", f":{port}") for part in check["test"])
            subprocess.run([sys.executable, *rest], check=True, timeout=30)
            wait_for(lambda: b"nlpbatch_proxy_wanted_workers 8.0" in metrics(url))  # min_workers
        finally:
            for process in reversed(processes):
                process.terminate()
                process.wait(30)
        assert [process.returncode for process in processes] == [0, 0]


def ready(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def metrics(url):
    with urllib.request.urlopen(f"{url}/metrics", timeout=5) as answer:
        return answer.read()
