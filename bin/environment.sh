# Sourced by the scripts beside it: makes .venv with what they need, and says how to get what it can't make.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
python_wanted="3.11"
java_wanted=17

say() { printf '%s\n' "$*" >&2; }

die() {
  say "$@"
  exit 2
}

# The newest Python that is new enough; PYTHON names another.
find_python() {
  local candidate
  for candidate in "${PYTHON:-}" python3.13 python3.12 python3.11 python3 python; do
    if [ -n "$candidate" ] && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  die "Python $python_wanted or newer is needed and none was found (python3 is $(python3 --version 2>&1 || true))." \
    "Get it: apt-get install python3 python3-venv (Debian 12+, Ubuntu 24.04+), brew install python, or https://www.python.org." \
    "Another one is taken with PYTHON=/path/to/python3."
}

java_version() {
  local java=java
  [ -n "${JAVA_HOME:-}" ] && java="$JAVA_HOME/bin/java"
  "$java" -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p' | head -n 1
}

# Spark runs on the JVM. In CI as root it is installed; elsewhere that is the user's decision.
require_java() {
  local found
  found=$(java_version || true)
  if [ "${found:-0}" -lt "$java_wanted" ] && [ "${CI:-}" = true ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq && apt-get install -y -qq openjdk-17-jre-headless >&2
    found=$(java_version || true)
  fi
  [ "${found:-0}" -ge "$java_wanted" ] || die \
    "Java $java_wanted or newer is needed for Spark, found: ${found:-none}." \
    "Get it: apt-get install openjdk-17-jre-headless, brew install openjdk@17, or https://adoptium.net; set JAVA_HOME if it isn't on PATH."
}

# The page at /docs is tried in a browser. In CI as root it is installed; elsewhere those tests are skipped without one.
provide_chromium() {
  local name
  for name in chromium chromium-browser google-chrome google-chrome-stable; do
    command -v "$name" >/dev/null && return
  done
  if [ "${CI:-}" = true ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >&2
  fi
}

# HDFS and YARN come from Maven Central. In CI as root Maven is installed; elsewhere those tests are skipped without it.
provide_maven() {
  command -v mvn >/dev/null && return
  if [ "${CI:-}" = true ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq && apt-get install -y -qq --no-install-recommends maven >&2
  fi
}

# The store that several proxies share. In CI as root it is installed; elsewhere those tests are skipped without one.
provide_redis() {
  command -v redis-server >/dev/null || command -v valkey-server >/dev/null && return
  if [ "${CI:-}" = true ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq && apt-get install -y -qq --no-install-recommends redis-server >&2
  fi
}

# Kubernetes' manifests are rendered by kubectl. In CI as root it is installed; elsewhere those tests are skipped without it.
provide_kubectl() {
  command -v kubectl >/dev/null && return
  if [ "${CI:-}" = true ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq && { apt-get install -y -qq --no-install-recommends kubernetes-client ||
      apt-get install -y -qq --no-install-recommends kubectl; } >&2
  fi
}

# Rules and dashboards are tried in a real Prometheus. In CI as root it is installed; elsewhere those tests are skipped.
# Debian would start both as services: they would take the ports that operators expect them at.
provide_prometheus() {
  command -v prometheus >/dev/null && command -v prometheus-pushgateway >/dev/null && return
  if [ "${CI:-}" = true ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq && RUNLEVEL=1 apt-get install -y -qq --no-install-recommends prometheus prometheus-pushgateway >&2
  fi
}

# Completion is tried in the shells it is for. In CI as root they are installed; elsewhere those tests are skipped.
provide_shells() {
  command -v zsh >/dev/null && command -v fish >/dev/null && return
  if [ "${CI:-}" = true ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq && apt-get install -y -qq --no-install-recommends zsh fish >&2
  fi
}

# The versions of all packages in .venv, for one minor version of Python: others may need other ones.
write_lock() {
  printf '# %s\n' "$(python_minor "$root/.venv/bin/python")"
  printf '# The versions that the tests run with. Written by bin/lock; see docs/decisions/0049-locked-versions.md.\n'
  "$root/.venv/bin/python" -m pip freeze --disable-pip-version-check --exclude-editable --exclude nlpbatch | grep '==' |
    LC_ALL=C sort --ignore-case
}

python_minor() {
  "$1" -c 'import platform, sys; print(f"{platform.system()} Python {sys.version_info[0]}.{sys.version_info[1]}")'
}

# Whether the locked versions are those of this Python; if not, what pyproject.toml admits is installed.
is_locked() {
  [ "$(head -n 1 "$root/constraints.txt" 2>/dev/null)" = "# $(python_minor "$root/.venv/bin/python")" ]
}

# The documentation's examples in JavaScript and Java are run as they stand, which takes a compiler for Java. In CI as root
# both are installed; elsewhere that test is skipped without them.
provide_languages() {
  command -v node >/dev/null && command -v javac >/dev/null && return
  if [ "${CI:-}" = true ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq
    command -v node >/dev/null || apt-get install -y -qq --no-install-recommends nodejs >&2
    command -v javac >/dev/null || apt-get install -y -qq --no-install-recommends openjdk-17-jdk-headless >&2
  fi
}

# make_environment EXTRAS: creates .venv and installs the project in it, unless that has been done for this pyproject.toml.
make_environment() {
  local extras=$1 stamp wanted
  stamp="$root/.venv/.installed"
  wanted="$extras $({ cat "$root/pyproject.toml" "$root/constraints.txt" 2>/dev/null || true; } | cksum)"
  if [ -f "$stamp" ] && grep -qxF "$wanted" "$stamp"; then
    return
  fi
  # dev holds everything that a demo needs too
  if [ -f "$stamp" ] && grep -qxF "dev ${wanted#* }" "$stamp"; then
    return
  fi
  if [ ! -x "$root/.venv/bin/python" ]; then
    local python
    python=$(find_python) || exit 2
    say "making .venv with $("$python" --version) …"
    "$python" -m venv "$root/.venv" || die "no virtual environment could be made: apt-get install python3-venv"
  fi
  say "installing nlpbatch[$extras] into .venv (about 700 MB with Spark and Kiwi's model; a few minutes the first time) …"
  local locked=()
  is_locked && locked=(--constraint "$root/constraints.txt")
  "$root/.venv/bin/python" -m pip install --quiet --disable-pip-version-check --editable "$root[$extras]" \
    ${locked[@]+"${locked[@]}"} || die \
    "the installation failed: pip's own message stands above. Behind a proxy or mirror, set PIP_INDEX_URL and try again."
  printf '%s\n' "$wanted" >"$stamp"
}
