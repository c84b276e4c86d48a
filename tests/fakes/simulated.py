"""Workloads that are played against a configuration."""

from nlpbatch.serving.settings import check
from proxy.planning.simulate import Simulation
from proxy.planning.workloads import Workload
from tests.fakes.proxy_parts import proxy_settings


def play(workload, settings=None):
    return Simulation(settings or proxy_settings(), check(workload, Workload, "test")).run()


def job(tenant="a", **members):
    return {"tenant": tenant, "name": f"job-{tenant}", "in_flight": 8, "follows_advice": False} | members
