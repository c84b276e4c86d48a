import shlex

from nlpbatch.deploy.specification import Places, ServiceOptions, specification

PLACES = Places("hdfs://a/packages.tar.gz", "hdfs://a/configuration.tar.gz", "hdfs://a/registration-secret")


def components(**options):
    found = specification(ServiceOptions("nlp", **options), PLACES)
    return {one["name"]: one for one in found["components"]}


def test_an_api_binds_any_port_and_registers_at_the_proxies():
    (api,) = components(python="/opt/my python/bin/python3", workers=8, proxies=["http://a:1", "http://b:1"]).values()
    command = shlex.split(api["launch_command"])
    assert command[:5] == ["exec", "/opt/my python/bin/python3", "nlpbatch/start.py", "serve", "--config"]
    assert command[command.index("--port") + 1] == "0"
    assert [command[at + 1] for at, one in enumerate(command) if one == "--register"] == ["http://a:1", "http://b:1"]
    assert api["resource"] == {"cpus": 8, "memory": "1328"}
    assert api["restart_policy"] == "ALWAYS"  # YARN changes the number of no others
    assert "readiness_check" not in api
    assert [one["dest_file"] for one in api["configuration"]["files"]] == [
        *("nlpbatch", "configuration", "registration-secret")
    ]


def test_at_a_port_that_stays_yarn_asks_and_has_one_on_a_node():
    (api,) = components(port=8701, memory_mib=4000).values()
    assert api["readiness_check"]["properties"] == {"url": "http://${THIS_HOST}:8701/readyz"}
    assert api["placement_policy"]["constraints"][0]["target_tags"] == ["api"]
    assert api["resource"]["memory"] == "4000"


def test_proxies_of_the_service_start_first_and_the_apis_register_there():
    found = components(own_proxies=2, proxy_port=9000)
    assert list(found) == ["proxy", "api"]
    assert found["api"]["dependencies"] == ["proxy"]
    assert found["api"]["launch_command"].endswith(
        " --register http://${PROXY-0_IP}:9000 --register http://${PROXY-1_IP}:9000"
    )
    assert found["proxy"]["number_of_containers"] == 2
    assert found["proxy"]["readiness_check"]["properties"] == {"url": "http://${THIS_HOST}:9000/healthz"}


def test_the_queue_is_yarns_own_unless_named():
    assert "queue" not in specification(ServiceOptions("nlp"), PLACES)
    assert specification(ServiceOptions("nlp", queue="nightly"), PLACES)["queue"] == "nightly"
