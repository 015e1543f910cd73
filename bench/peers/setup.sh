#!/usr/bin/env bash
# Make a peer's own environment, bench/.envs/NAME, from its pinned requirements.
#     bench/peers/setup.sh recbole|cornac|implicit|embedding|pyod|lenskit|sansa
# SANSA's scikit-sparse is built here and needs SuiteSparse (Debian: libsuitesparse-dev).
# PYTHON names another interpreter than python3.11. torch==2.13.0 should be the CPU build; where pip
# does not find that by itself, PIP_FIND_LINKS or PIP_INDEX_URL can name a place that has it.
set -euo pipefail
cd "$(dirname "$0")"
name=${1:?usage: setup.sh recbole|cornac|implicit|embedding|pyod|lenskit|sansa}
requirements=requirements-$name.txt
[ -f "$requirements" ] || { echo "setup.sh: no $requirements here" >&2; exit 2; }
environment=../.envs/$name
if cmp -s "$requirements" "$environment/installed.txt"; then exit 0; fi
"${PYTHON:-python3.11}" -m venv --clear "$environment"
"$environment/bin/pip" install --quiet --no-deps --requirement "$requirements"
cp "$requirements" "$environment/installed.txt"
