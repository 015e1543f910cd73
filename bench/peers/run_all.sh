#!/usr/bin/env bash
# Run every peer on one split, one after the other, and score them: the whole comparison.
#     LIKEWISE_DATA=... bench/peers/run_all.sh [ml-1m-ultragcn [runner options, such as --epochs 2]]
# Runs with --refit train anew on all of train with what was chosen on validation.
set -euo pipefail
cd "$(dirname "$0")/../.."
data=${1:-ml-1m-ultragcn}
options=("${@:2}")
export OMP_NUM_THREADS=2 MKL_NUM_THREADS=2 OPENBLAS_NUM_THREADS=2
unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE  # a kernel forced from outside would slow NumPy's inverse

for peer in recbole cornac implicit; do bench/peers/setup.sh "$peer"; done

peer() {  # peer NAME PRESET [options]
    echo "== $1 ${*:2}" >&2
    "bench/.envs/$1/bin/python" "bench/peers/run_$1.py" "$2" --data "$data" "${@:3}" >/dev/null
}

make .venv/.ready
.venv/bin/python bench/peers/export.py "$data"
rm -f "bench/.cache/$data/lists/"{recbole,cornac,implicit}-*  # no row of an earlier run stays

for name in recbole cornac; do peer "$name" EASE --l2 1000 --refit; done  # the published setting
for name in recbole cornac; do peer "$name" EASE --refit; done
for preset in cosine TFIDF BM25 ALS; do peer implicit "$preset" --refit; done
for preset in MultiVAE MultiVAE-b500 MultiVAE-paper RecVAE; do
    peer recbole "$preset" --refit ${options[@]+"${options[@]}"}
done
for preset in VAECF VAECF-paper RecVAE; do  # 100 epochs: VAECF's own
    peer cornac "$preset" --refit --epochs 100 ${options[@]+"${options[@]}"}
done

likewise() {
    .venv/bin/python bench/peers/run_likewise.py "$1" --data "$data" --refit "${@:2}" >/dev/null
}
for preset in EASE linear item-knn; do echo "== likewise $preset" >&2; likewise "$preset"; done
for preset in MultVAE MultVAE-128 MultDAE RecVAE HVamp; do
    echo "== likewise $preset" >&2
    likewise "$preset" ${options[@]+"${options[@]}"}
done

bench/.envs/implicit/bin/python bench/peers/score.py "$data"
