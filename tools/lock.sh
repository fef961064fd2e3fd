#!/bin/sh
# Maintainers only: writes requirements.lock (what ./wk installs to run), requirements-postgres.lock (that and the engine
# for several machines) and requirements-test.lock (all of it and the test parts, same versions) from pyproject.toml. Pins stay as they are unless pyproject.toml forbids them;
#   tools/lock.sh --upgrade                    takes the newest of everything
#   tools/lock.sh --upgrade-package NAME       takes the newest of one
# Locks are for every platform and Python >= 3.11, carry the hash of every file and no address.
set -eu
cd "$(dirname "$0")/.."

uv=$(command -v uv) || {
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    python3 -m venv "$scratch"
    "$scratch/bin/pip" install -qq --disable-pip-version-check uv
    uv=$scratch/bin/uv
}

# compile OUTPUT [OPTION ...]: without the machine's own configuration, so that hashes are those of the public files
compile() {
    output=$1
    shift
    env -u UV_INDEX -u UV_INDEX_URL -u UV_DEFAULT_INDEX -u UV_EXTRA_INDEX_URL -u UV_FIND_LINKS \
        "$uv" --no-config pip compile -q --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-annotate --no-header --output-file "$output" "$@" pyproject.toml
}
compile requirements-test.lock --extra mcp --extra postgres --extra test "$@"
compile requirements-postgres.lock --extra mcp --extra postgres --constraint requirements-test.lock "$@"
compile requirements.lock --extra sql --extra mcp --constraint requirements-test.lock "$@"

if grep -nE '://|file:|^-' requirements.lock requirements-postgres.lock requirements-test.lock; then
    echo "tools/lock.sh: a lock file holds an address or an option; it must not" >&2
    exit 1
fi
