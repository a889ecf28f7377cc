# 프로필의 실험을 papermill로 돌린다. 기록이 있는 실험은 건너뛰고, 끊긴 실험은 체크포인트에서 잇는다.
#   snakemake --config profile=cpu
import json
import shlex
import sys

import torch

from thesis_lib.errors import ThesisError
from thesis_lib.profiles import read_profile

RESULTS = config.get("results", "results")
GPU = torch.cuda.is_available()

workflow.global_resources.setdefault("gpu", 1)  # one run at a time on one card, unless --resources says otherwise

try:
    EXPERIMENTS = {e.id: e for e in read_profile(f"profiles/{config.get('profile', 'quick')}.yaml")}
except ThesisError as error:
    sys.exit(f"오류: {error}")


def arguments(wildcards):
    """The experiment as notebook parameters."""
    values = EXPERIMENTS[wildcards.run].config() | {"results": RESULTS, "root": config.get("root", "data")}
    text = {name: v if isinstance(v, str) else json.dumps(v) for name, v in values.items()}
    return shlex.join(part for name in text for part in (f"--{name}", text[name]))


rule all:
    input:
        expand("{results}/runs/{run}/record.json", results=RESULTS, run=EXPERIMENTS),


rule experiment:
    output:
        f"{RESULTS}/runs/{{run}}/record.json",
    params:
        arguments=arguments,
    threads: 1
    resources:
        gpu=int(GPU),
    shell:
        "OMP_NUM_THREADS={threads} python -m thesis_lib run notebooks/experiment.ipynb {params.arguments}"
