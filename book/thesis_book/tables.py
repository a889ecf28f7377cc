"""What a reader sees as a table: records in, Korean columns out."""

import json
import re

import numpy as np
import pandas as pd

from thesis_lib.arms import ARMS, PRIMARY, label
from thesis_lib.experiment import DISTILLATIONS
from thesis_lib.profiles import read_profile
from thesis_lib.records import Record, all_records, diverged, load_records, records_by_id
from thesis_lib.stats import Difference, family, pairs
from thesis_lib.verification import spread, verdict

from .image_statistics import bootstrap, mcnemar
from .robustness import CORRUPTIONS

ORDER = list(ARMS)
SET = ["options", "distillation"]  # what an arm's runs may differ in
TOLD: dict[str, str | dict] = {  # how a changed option is told
    "num_heads": "헤드 {}개",
    "attention_stages": "어텐션을 {}단계에",
    "residual": {True: "잔차를 둠", False: "잔차 없음"},
    "zero_start": {True: "0에서 시작", False: "0에서 시작하지 않음"},
    "position": {"learned": "배운 위치 벡터", "relative": "2차원 상대 위치"},
    "reduction": "r = {}",
    "squeeze": {"max": "전역 최대 풀링", "none": "스퀴즈 없음"},
    "excitation": {"tanh": "Tanh", "relu": "ReLU"},
    "stages": "{}단계에만",
    "at": {"pre": "SE-PRE", "post": "SE-POST", "identity": "SE-Identity", "inside": "안쪽"},
    "method": {"soft_labels": "지식 증류(KD)", "attention_transfer": "어텐션 전이(AT)"},
}
BLOCK_NAMES = {  # how figures, tables and sentences name a block
    "se": "SE",
    "se_self": "SENet_self",
    "se_channel": "DANet의 채널 어텐션",
    "cbam": "CBAM",
    "bam": "BAM",
    "eca": "ECA",
    "gsop": "GSoP",
    "gather_excite": "Gather-Excite",
    "non_local": "Non-local",
    "global_context": "GC",
    "self_attention": "SE 없는 MSA",
    "bot_mhsa": "BoTNet의 MSA",
    "augmented_conv": "어텐션 증강 합성곱",
    "light_conv": "경량 합성곱",
    "dynamic_conv": "동적 합성곱",
}


def of_profile(profile: str, results: str = "results", folder: str = "profiles") -> pd.DataFrame:
    """The records of a profile's experiments, in its order.

    `.attrs`: planned, finished, problems; names of those that diverged; data, network and epochs of the first.
    """
    planned = read_profile(f"{folder}/{profile}.yaml")
    table = load_records(results, [experiment.id for experiment in planned])
    lost = set(diverged(results, [experiment.id for experiment in planned])) - set(table["id"])
    table.attrs["diverged"] = [
        f"{name_of(run.arm, json.dumps(run.options), json.dumps(run.distillation))}(시드 {run.seed})"
        for run in planned
        if run.id in lost
    ]
    table.attrs |= {name: getattr(planned[0], name) for name in ("dataset", "network", "epochs")}
    table.attrs |= {"planned": len(planned), "finished": len(table)}
    return table


def ended(table: pd.DataFrame) -> bool:
    """Whether every run of a profile has its record, or has diverged."""
    return table.attrs["finished"] + len(table.attrs["diverged"]) == table.attrs["planned"]


def primary(*profiles: str, results: str = "results", folder: str = "profiles") -> pd.DataFrame:
    """The runs on which the primary tests are made: of the first profile that has run to its end, else of the last.

    profiles: names, the largest first.
    """
    found = [of_profile(name, results, folder) for name in profiles]
    return next((table for table in found if ended(table)), found[-1])


def called(network: str) -> str:
    """A ResNet as people write it, "resnet20" as "ResNet-20"; another network by its name."""
    return re.sub(r"^resnet(\d+)$", r"ResNet-\1", network)


def length(table: pd.DataFrame) -> str:
    """Epochs, and seeds of each arm or variant, for captions (see `of_profile`)."""
    if table.empty:
        return f"{table.attrs['epochs']} 에폭, 마친 실행 없음"
    seeds = table.groupby(["network", "arm", "options", "distillation"])["seed"].nunique()
    counts = sorted({min(seeds), max(seeds)})
    return f"{table.attrs['epochs']} 에폭, 시드 {'–'.join(map(str, counts))}개"


def where(table: pd.DataFrame) -> str:
    """What the runs of a profile with one network were made on, for captions: data, network, epochs, seeds."""
    data = re.sub(r"^cifar(\d+)$", r"CIFAR-\1", table.attrs["dataset"])
    return f"{data}, {called(table.attrs['network'])}, {length(table)}"


def records_of(table: pd.DataFrame, results: str = "results") -> list[Record]:
    """The records behind the rows of a table of runs."""
    return all_records(results, table["id"])[0]


def name_of(arm: str, options: str, distillation: str = "{}") -> str:
    """A run's arm, or what its options and teacher change in it (both as JSON, as records have them)."""
    given = json.loads(distillation)
    usual = DISTILLATIONS.get(given.get("method"), {})
    teaching = {key: value for key, value in given.items() if key != "teacher" and value != usual.get(key)}
    told = []
    for key, value in (json.loads(options) | teaching).items():
        how = TOLD.get(key, f"{key} = {{}}")
        shown = "·".join(map(str, value)) if isinstance(value, list) else value
        told.append(how.get(value, f"{key} = {value}") if isinstance(how, dict) else how.format(shown))
    return ", ".join(told) or BLOCK_NAMES.get(arm, label(arm))


def by_arm(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """The runs of each arm, in the protocol's order, other arms after."""
    arms = sorted(table["arm"].unique(), key=lambda a: (ORDER.index(a) if a in ORDER else len(ORDER), a))
    return [(arm, table[table["arm"] == arm]) for arm in arms]


def mean_sd(values: pd.Series) -> str:
    """`mean ± SD`, or the lone value."""
    return f"{values.mean():.2f} ± {values.std():.2f}" if len(values) > 1 else f"{values.mean():.2f}"


def p_value(p: float) -> str:
    if np.isnan(p):
        return "—"
    digits = 4 if round(p, 3) == 0.05 else 3  # enough to see on which side of the limit it lies
    return f"= {p:.{digits}f}" if p >= 0.0005 else "< 0.001"


def mmac(macs: int, exact: bool) -> str:
    """Millions of MACs, to two digits at least; a star where a part had to be counted."""
    millions = macs / 1e6
    return (f"{millions:.2f}" if millions >= 0.1 or not macs else f"{millions:.2g}") + ("" if exact else "*")


def main_table(table: pd.DataFrame) -> pd.DataFrame:
    """Accuracy and cost of each arm of one profile, a row for each set of options and each teaching of an arm."""
    return pd.DataFrame(
        [
            {
                "비교군": label(arm) + (f": {name_of(arm, *given)}" if len(own[SET].drop_duplicates()) > 1 else ""),
                "시드 수": len(runs),
                "시험 정확도 (%)": mean_sd(runs["test_accuracy"]),
                "검증 정확도 (%)": mean_sd(runs["val_accuracy"]),
                "ECE (%)": mean_sd(runs["calibration_error"]),
                "매개변수": f"{runs['parameters'].iloc[0]:,}",
                "MMAC": mmac(runs["macs"].iloc[0], runs["exact"].all()),
                "에폭당 초": f"{runs['seconds_per_epoch'].mean():.0f}",
                "메모리 (MiB)": f"{runs['peak_memory_mib'].mean():.0f}",
            }
            for arm, own in by_arm(table)
            for given, runs in own.groupby(SET, sort=False)
        ]
    )


def change(d: Difference | None) -> dict[str, str]:
    """A paired difference as two columns of a row; dashes where there is none."""
    if d is None or not d.n:
        return {"차이 (%p)": "—", "95% 구간": "—"}
    return {"차이 (%p)": f"{d.mean:+z.2f}", "95% 구간": "—" if np.isnan(d.p) else f"[{d.low:+z.2f}, {d.high:+z.2f}]"}


def differences(table: pd.DataFrame, members=PRIMARY) -> pd.DataFrame:
    """Paired differences of one family in percentage points, with intervals and verdicts."""
    return pd.DataFrame(
        [
            {
                "비교": f"{label(d.first)} − {label(d.second)}",
                "짝 수": d.n,
                **change(d),
                "판정": d.verdict,
                "p": p_value(d.p).removeprefix("= "),
                "보정한 p": p_value(d.adjusted).removeprefix("= "),
                "효과 (SD)": "—" if np.isnan(d.effect) else f"{d.effect:+z.2f}",
                "P(A > B)": f"{d.superior:.2f}",
                "찾을 수 있는 차이 (%p)": "—" if np.isnan(d.detectable) else f"{d.detectable:.2f}",
            }
            for d in family(table, members)
            if d.n
        ]
    )


def joint_interval(right) -> tuple[float, float]:
    """95 % interval of a difference over seeds and images together, percentage points; nan below three seeds, where
    nobody knows what it covers. right: for each seed the right answers of the two networks."""
    if len(right) < 3:
        return np.nan, np.nan
    low, high = bootstrap(np.array([a.astype(np.int8) - b.astype(np.int8) for a, b in right]))
    return float(low), float(high)


def image_by_image(table: pd.DataFrame, members=PRIMARY, results: str = "results") -> pd.DataFrame:
    """McNemar for each pair of one seed, and over all of them the interval of the joint bootstrap."""
    records = records_by_id(results, table["id"])
    rows = []
    for first, second in members:
        runs = pairs(table, first, second, value="id")
        right = [[records[run].right for run in pair] for pair in runs.itertuples(index=False)]
        for seed, (a, b) in zip(runs.index, right, strict=True):
            only_first, only_second, p = mcnemar(a, b)
            rows.append(
                {
                    "비교": f"{label(first)} − {label(second)}",
                    "시드": str(seed),
                    "앞만 맞힌 영상": f"{only_first:,}",
                    "뒤만 맞힌 영상": f"{only_second:,}",
                    "p 또는 구간": f"p {p_value(p)}",
                }
            )
        low, high = joint_interval(right)
        if low == low:
            rows.append(rows[-1] | {"시드": "함께", "앞만 맞힌 영상": "—", "뒤만 맞힌 영상": "—"})
            rows[-1]["p 또는 구간"] = f"[{low:+z.2f}, {high:+z.2f}]%p"
    return pd.DataFrame(rows)


def learning_rates(table: pd.DataFrame) -> pd.DataFrame:
    """The search for the learning rate: validation accuracy, a row a rate, a column an arm."""
    wide = table.pivot_table(index="learning_rate", columns="arm", values="val_accuracy")
    wide["평균"] = wide.mean(axis=1)
    wide = wide.rename(columns=label).rename_axis(index="학습률", columns=None)
    return wide.map(lambda value: f"{value:.2f}" if value == value else "—").reset_index()


def machines(table: pd.DataFrame) -> pd.DataFrame:
    """Which hardware made which rows."""
    table = table.assign(threads=table["threads"].astype(str))  # of a run that moved a text
    groups = table.groupby(["network", "device", "cpu_capability", "threads", "torch"], sort=True)
    rows = [(*key, len(runs), f"{runs['seconds'].sum() / 3600:.2f}") for key, runs in groups]
    return pd.DataFrame(rows, columns=["망", "장치", "명령 집합", "스레드", "torch", "실행 수", "합계 시간 (시간)"])


def robustness(found: pd.DataFrame) -> pd.DataFrame:
    """Accuracy under each corruption, the mean over its strengths, a column an arm; only runs that were measured."""
    columns = {}
    for arm, runs in by_arm(found):
        clean = runs.groupby("seed")["clean"].first()
        own = {"깨끗함": mean_sd(clean)}
        for kind, (name, *_) in CORRUPTIONS.items():
            own[name] = mean_sd(runs[runs["kind"] == kind].groupby("seed")["accuracy"].mean())
        columns[f"{label(arm)} (n = {len(clean)})"] = own | {"모두": mean_sd(runs.groupby("seed")["accuracy"].mean())}
    return pd.DataFrame(columns).rename_axis("손상").reset_index() if columns else pd.DataFrame()


def numbered(table: pd.DataFrame, caption: str, name: str) -> str:
    """A table as MyST Markdown that the book numbers and can refer to; columns of numbers end at the right."""
    if table.empty:
        table = pd.DataFrame({"기록": ["아직 없다"]})
    if "MMAC" in table and table["MMAC"].astype(str).str.endswith("*").any():
        caption += " (*: torch로 센 값)"
    numeric = [table[column].astype(str).str.fullmatch(r"[\d\s.,+\-–~±%p=<—()[\]*]+").all() for column in table]
    sides = ["right" if figures else "left" for figures in numeric]
    body = table.to_markdown(index=False, disable_numparse=True, colalign=sides)
    body = re.sub(r" ?± |(?<=,) (?=[\d+\-–]\S*\])", lambda at: at[0].replace(" ", "\u00a0"), body)  # no line ends there
    return f":::{{table}} {caption}\n:name: {name}\n\n{body}\n:::\n"


def reproduction(committed: list[Record], local: list[Record], results: str = "results") -> pd.DataFrame:
    """The reader's own runs beside the committed ones of the same id, with the verdict of `verify` for each.

    Equal: the same weights to the bit. Near: within three standard deviations over the committed seeds.
    """
    rows, table = [], load_records(results)
    for record, here in ((then, now) for then in committed for now in local if then.id == now.id):
        same = record.data["weights_sha256"] == here.data["weights_sha256"]
        agrees, _ = verdict(record, here, *spread(record, table))
        rows.append(
            {
                "망": label(record.data["experiment"]["arm"]),
                "시드": record.data["experiment"]["seed"],
                "실린 기록 (%)": f"{record.test_accuracy:.2f}",
                "이 컴퓨터 (%)": f"{here.test_accuracy:.2f}",
                "차이 (%p)": f"{here.test_accuracy - record.test_accuracy:+z.2f}",
                "판정": "비트까지 같다" if same else "3 SD 안에서 같다" if agrees else "다르다",
            }
        )
    return pd.DataFrame(rows)
