"""The files of each kind of schedule, as text by name, and what to do with them."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from nlpbatch.schedule.planned import Planned

_PLAIN: Final = re.compile(r"[\w@+=:,./-]+")


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule as files.

    Args:
        files: Their text, by name.
        next_step: What puts them into force, for a person.

    """

    files: Mapping[str, str]
    next_step: str


def airflow(plan: Planned) -> Schedule:
    """Return a DAG file."""
    variables = f"    variables={dict(plan.variables)!r},\n" if plan.variables else ""
    text = f'''"""Runs a recipe on a schedule. Written by `nlpbatch schedule`; it is yours to edit."""

from nlpbatch.airflow import recipe_dag

dag = recipe_dag(
    {str(plan.recipe)!r},
    dag_id={plan.name!r},
    schedule={plan.cron.text!r},
    timezone={plan.timezone!r},
    cwd={str(plan.folder)!r},
    command=({str(plan.python)!r}, "-m", "nlpbatch", "run"),
{variables})
'''
    return Schedule({f"{plan.name}.py": text}, "put it into Airflow's dags folder; Airflow needs nlpbatch[airflow]")


def systemd(plan: Planned) -> Schedule:
    """Return a timer and its service."""
    unit = f"nlpbatch-{plan.name}"
    words = [str(plan.python), "-m", "nlpbatch", "run", str(plan.recipe), *plan.assignments()]
    service = f"""# Runs a recipe. Written by `nlpbatch schedule`; what differs here goes into `systemctl edit {unit}`.

[Unit]
Description=nlpbatch recipe {plan.name}
Wants=network-online.target
After=network-online.target
# Four tries in an hour; then `systemctl --failed` shows it.
StartLimitIntervalSec=1h
StartLimitBurst=4

[Service]
Type=oneshot
WorkingDirectory={_path(str(plan.folder))}
# Where "yesterday" is.
Environment=TZ={plan.timezone} LC_ALL=C.UTF-8
# NLPBATCH_SERVICE=… and NLPBATCH_API_KEY=…
EnvironmentFile=-/etc/nlpbatch/recipes.env
ExecStart={" ".join(map(_word, words))}
TimeoutStartSec=infinity
# What failed is resumed. 2 is a recipe or an option that is wrong: the same command would fail again.
Restart=on-failure
RestartSec=5min
RestartPreventExitStatus=2
UMask=0077
NoNewPrivileges=yes
"""
    calendars = "\n".join(f"OnCalendar={calendar}" for calendar in plan.cron.calendars(plan.timezone))
    timer = f"""# Written by `nlpbatch schedule --cron "{plan.cron.text}"`.

[Unit]
Description=nlpbatch recipe {plan.name}, on a schedule

[Timer]
{calendars}
# A run that was missed while the machine was off is made up for once, when it is on again.
Persistent=true

[Install]
WantedBy=timers.target
"""
    files = {f"{unit}.service": service, f"{unit}.timer": timer}
    return Schedule(files, f"put them into /etc/systemd/system, then: systemctl enable --now {unit}.timer")


def kubernetes(plan: Planned) -> Schedule:
    """Return a CronJob, the recipe that it runs, and a kustomization."""
    file = plan.recipe.name
    arguments = json.dumps(["run", f"/recipes/{file}", *plan.assignments()], ensure_ascii=False)
    cronjob = f"""# Runs a recipe. Written by `nlpbatch schedule`.
apiVersion: batch/v1
kind: CronJob
metadata:
  name: {plan.name}
spec:
  schedule: {json.dumps(plan.cron.text)}
  timeZone: {json.dumps(plan.timezone)}
  # Two runs never write one output; the second would be refused.
  concurrencyPolicy: Forbid
  startingDeadlineSeconds: 3600
  jobTemplate:
    spec:
      backoffLimit: 3
      podFailurePolicy:
        rules:
          # 2 is a recipe or an option that is wrong: the same command would fail again.
          - action: FailJob
            onExitCodes: {{containerName: recipe, operator: In, values: [2]}}
      template:
        spec:
          restartPolicy: Never
          automountServiceAccountToken: false
          securityContext:
            runAsNonRoot: true
            runAsUser: 10001
            runAsGroup: 10001
            fsGroup: 10001
            seccompProfile: {{type: RuntimeDefault}}
          containers:
            - name: recipe
              image: {json.dumps(plan.image)}
              args: {arguments}
              workingDir: /work
              env:
                # Where "yesterday" is.
                - {{name: TZ, value: {json.dumps(plan.timezone)}}}
                - {{name: LC_ALL, value: C.UTF-8}}
                - {{name: HOME, value: /work}}
                - {{name: NLPBATCH_SERVICE, value: "http://nlpbatch-proxy:8700"}}
                - name: NLPBATCH_API_KEY
                  valueFrom: {{secretKeyRef: {{name: nlpbatch-recipes, key: api-key}}}}
              resources:
                requests: {{cpu: "2", memory: 2Gi}}
                limits: {{memory: 4Gi}}
              securityContext:
                allowPrivilegeEscalation: false
                readOnlyRootFilesystem: true
                capabilities: {{drop: [ALL]}}
              volumeMounts:
                - {{name: recipe, mountPath: /recipes, readOnly: true}}
                - {{name: work, mountPath: /work}}
                - {{name: tmp, mountPath: /tmp}}
          volumes:
            - name: recipe
              configMap: {{name: {plan.name}}}
            - name: work
              emptyDir: {{}}
            - name: tmp
              emptyDir: {{}}
"""
    kustomization = f"""# kubectl apply -k .
# A recipe that changes gets a ConfigMap of its own: a Job that runs keeps the one that it began with.
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [cronjob.yaml]
configMapGenerator:
  - name: {plan.name}
    files: [{json.dumps(file, ensure_ascii=False)}]
"""
    files = {"cronjob.yaml": cronjob, "kustomization.yaml": kustomization, file: plan.template.text}
    return Schedule(
        files, "kubectl create secret generic nlpbatch-recipes --from-literal=api-key=…; then: kubectl apply -k THERE"
    )


WRITERS: Final[Mapping[str, Callable[[Planned], Schedule]]] = {
    "airflow": airflow,
    "systemd": systemd,
    "kubernetes": kubernetes,
}


def _word(text: str) -> str:
    """Return a word of systemd's command lines."""
    escaped = text.replace("%", "%%").replace("$", "$$")
    if _PLAIN.fullmatch(escaped):
        return escaped
    quoted = escaped.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}"'


def _path(text: str) -> str:
    """Return a path as systemd's settings have it: blanks are part of it, percent signs are doubled."""
    return text.replace("%", "%%")
