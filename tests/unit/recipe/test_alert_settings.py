"""`[alerts]`: what is wrong with one is said before anything runs, and no secret is in what is said or kept."""

import sys

import pytest

from nlpbatch.errors import ConfigError
from nlpbatch.recipe.alert_settings import AlertSettings, alerts_of, read_alerts
from nlpbatch.recipe.recipe_file import Recipe

WHOLE = {
    "on": ["failed", "done"],
    "webhook": "https://hooks.example.com:8443/nlpbatch",
    "email": ["ops@example.com"],
    "sender": "nlpbatch@example.com",
    "smtp": "smtps://mail.example.com",
    "command": [sys.executable, "-c", "pass"],
    "page": "https://runs.example.com/",
    "page_of": "hdfs:///out",
}


def recipe(**alerts):
    members = {"source": {"files": "/in"}, "analyze": {"columns": ["review"]}, "sink": {"path": "hdfs:///out/a"}}
    return Recipe.check({**members, "alerts": alerts})


def test_a_whole_section_is_read():
    alerts = alerts_of(recipe(**WHOLE).alerts, {})
    assert [hook.place for hook in alerts.hooks] == [
        "webhook at hooks.example.com:8443",
        "e-mail by mail.example.com:465",
        f"command {sys.executable.rpartition('/')[2]}",
    ]
    assert (alerts.states, alerts.page_of) == ({"failed", "done"}, "hdfs:///out")


def test_without_a_list_of_states_it_is_for_all_that_somebody_has_to_look_at():
    assert recipe(webhook="http://hooks").alerts.on == ("failed", "breached", "look", "late")


@pytest.mark.parametrize(
    ("alerts", "message"),
    [
        ({"on": ["fail"]}, r"\[alerts\] on has 'fail': choose from failed, breached, look, late, stopped, done"),
        ({"on": "failed"}, r"\[alerts\] on = 'failed' is not a list of failed"),
        ({"webhook": "hooks.example.com"}, r"webhook is no address of https or http: write it as https://hooks"),
        ({"webhook": "ftp://hooks"}, "webhook is no address of https or http"),
        ({"webhook": "https://hooks:0/"}, "webhook is no address"),
        ({"webhook": "https://hooks:99999/"}, "webhook is no address: write it as"),
        ({"webhook": "https://hooks/a b"}, "webhook is no address"),
        ({"webhook": "https://hooks/?token=s3cret"}, r"webhook has a query.*set \$NLPBATCH_ALERT_WEBHOOK in the"),
        ({"webhook": "https://me:s3cret@hooks/"}, r"webhook has a user or a password in it.*NLPBATCH_ALERT_WEBHOOK"),
        ({"email": ["ops"]}, r"email has 'ops', which is no address: write it as ops@example.com"),
        ({"email": []}, "email has 0 addresses: give 1 to 20"),
        ({"email": ["a@b.c\nBcc: d@e.f"]}, "which is no address"),
        ({"email": ["a@b.c"], "sender": "b@b.c"}, "smtp is missing: e-mail needs smtp and sender"),
        ({"email": ["a@b.c"], "smtp": "smtp://mail"}, "sender is missing"),
        ({"smtp": "smtp://mail"}, "smtp and sender are for e-mail: add email"),
        ({"smtp": "mail.example.com:25"}, "smtp is no address of smtps or smtp"),
        ({"smtp": "smtp://me:s3cret@mail"}, r"smtp has a user.*\$NLPBATCH_ALERT_SMTP_USER and \$NLPBATCH_ALERT_SMTP_P"),
        ({"smtp": "smtp://mail/path"}, "smtp has more than a server and a port"),
        ({"command": "tell --me"}, r"command = 'tell --me' is not a list of words"),
        ({"command": []}, "command has 0 words: name a program"),
        ({"command": ["a\0"]}, "command has a zero byte"),
        ({"page": "https://runs/#/x"}, "page has more than the address of the page"),
        ({"page_of": "hdfs:///out"}, "page_of is what page shows: add page"),
        (
            {"page": "https://runs", "page_of": "/elsewhere"},
            r"page_of is '/elsewhere', and the output 'hdfs:///out/a' isn't below it: name the directory",
        ),
        ({"web_hook": "https://hooks"}, r"\[alerts\] has an unknown key 'web_hook': did you mean webhook\?"),
    ],
)
def test_what_is_wrong_is_said_with_the_remedy_and_without_secrets(alerts, message):
    with pytest.raises(ConfigError, match=message) as caught:
        recipe(**alerts)
    assert "s3cret" not in caught.value.message


@pytest.mark.parametrize(
    ("settings", "environment", "message"),
    [
        (AlertSettings(), {}, r"names nobody: give webhook, email or command, or set \$NLPBATCH_ALERT_WEBHOOK"),
        (None, {"NLPBATCH_ALERT_WEBHOOK": "s3cret"}, r"^\$NLPBATCH_ALERT_WEBHOOK is no address: set it to one that"),
        (None, {"NLPBATCH_ALERT_WEBHOOK": "https://h/\ns3cret"}, "is no address"),
        (None, {"NLPBATCH_ALERT_SMTP_USER": "me"}, "one is missing: set both, or neither"),
        (
            None,
            {"NLPBATCH_ALERT_WEBHOOK": "https://h", "NLPBATCH_ALERT_WEBHOOK_TOKEN": "s3cret\nX: 1"},
            "characters that no header may have",
        ),
        (AlertSettings(command=("/nowhere/tell",)), {}, "there is no program '/nowhere/tell' where the driver runs"),
    ],
)
def test_what_is_wrong_with_the_environment_is_said_before_a_run(settings, environment, message):
    with pytest.raises(ConfigError, match=message) as caught:
        alerts_of(settings, environment)
    assert "s3cret" not in caught.value.message


def test_nobody_is_told_without_a_section_and_without_a_variable():
    assert alerts_of(None, {"NLPBATCH_ALERT_WEBHOOK": " "}).hooks == ()


def test_the_environment_names_a_webhook_for_all_recipes_and_a_section_may_silence_it():
    environment = {"NLPBATCH_ALERT_WEBHOOK": "https://hooks.example/T0/s3cret", "NLPBATCH_ALERT_WEBHOOK_TOKEN": "k3y"}
    (hook,) = alerts_of(None, environment).hooks
    assert (hook.address, hook.key) == ("https://hooks.example/T0/s3cret", "k3y")
    assert not {"s3cret", "k3y"} & set(repr(hook).replace("'", " ").replace("/", " ").split())
    assert alerts_of(AlertSettings(on=()), environment).states == frozenset()


def test_secrets_are_in_no_representation_and_a_command_does_not_get_them():
    secrets = {
        "NLPBATCH_ALERT_WEBHOOK": "https://hooks.example/s3cret",
        "NLPBATCH_ALERT_SMTP_USER": "me",
        "NLPBATCH_ALERT_SMTP_PASSWORD": "s3cret",
        "NLPBATCH_API_KEY": "s3cret",
        "NLPBATCH_RUNS_KEY": "s3cret",
        "NLPBATCH_ADMIN_KEY": "s3cret",
        "NLPBATCH_SHARED_PASSWORD": "s3cret",
        "PATH": "/bin",
    }
    alerts = alerts_of(recipe(**{**WHOLE, "webhook": "https://hooks.example"}).alerts, secrets)
    assert "s3cret" not in repr(alerts)
    assert alerts.hooks[2].environment == {"PATH": "/bin"}


def test_any_toml_file_may_have_the_section(tmp_path):
    file = tmp_path / "job.toml"
    file.write_text('input = "/in"\noutput = "/out"\n[alerts]\nwebhook = "https://hooks"\n')
    assert read_alerts(file).webhook == "https://hooks"
    file.write_text('input = "/in"\n')
    assert read_alerts(file) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("alerts = 3", r"job.toml: alerts is not a section: write \[alerts\]"),
        ("[alerts]\nwebhook = 3", "job.toml: .alerts. webhook = 3 is not an address"),
        ("[alerts", "not TOML"),
        (
            'output = "/out"\n[alerts]\nwebhook = "https://h"\npage = "https://p"\npage_of = "/other"',
            "'/out' isn't below it",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path, text, message):
    file = tmp_path / "job.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_alerts(file)


def test_a_recipe_with_alerts_can_be_written_again():
    whole = recipe(**WHOLE)
    assert Recipe.check(whole.to_members()) == whole
