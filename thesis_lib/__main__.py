"""`python -m thesis_lib`: one door for notebooks, Snakemake, cluster jobs and people."""

import argparse
import os
import sys
import time
from dataclasses import fields
from pathlib import Path

from .errors import Stopped, ThesisError

HELP = {  # of settings whose name does not say it all
    "dataset": "내장 자료, cifar10 같은 자료, 또는 자료 폴더에 둔 폴더", "network": "networks의 목록에 있는 이름",
    "arm": "senet_self 같은 비교군, 또는 blocks의 목록에 있는 이름", "learning_rate": "가장 높을 때의 값",
    "options": "블록의 선택 사항, 예: '{num_heads: 8}'", "distillation": "예: '{method: soft_labels, teacher: <id>}'",
}  # fmt: skip
KOREAN = {  # what argparse says of itself
    "usage:": "쓰는 법:", "positional arguments:\n": "인자:\n", "options:\n": "선택 사항:\n",
    "show this help message and exit": "이 도움말을 보인다", "the following arguments are required": "빠진 인자",
    "unrecognized arguments": "알 수 없는 인자", "expected one argument": "값이 하나 있어야 한다",
    "invalid choice": "쓸 수 없는 값", "invalid int value": "정수가 아닌 값", "choose from": "쓸 수 있는 값",
    "ignored explicit argument": "값을 받지 않는다:", "argument ": "",
}  # fmt: skip


def in_korean(text: str) -> str:
    for english, korean in KOREAN.items():
        text = text.replace(english, korean)
    return text


class Parser(argparse.ArgumentParser):
    """argparse in Korean, errors without the usage text; names in full."""

    def __init__(self, **options):
        super().__init__(allow_abbrev=False, **options)
        self.color = False  # from Python 3.14 on: colours would part the words that `in_korean` knows

    def format_help(self) -> str:
        return in_korean(super().format_help())

    def error(self, message: str):
        raise ThesisError(f"{in_korean(message)}. 도움말: {self.prog} --help")


def value_of(text: str):
    """A value as a profile has it: `--epochs 1.5` is refused by the experiment, not cut to 1."""
    import yaml

    from .profiles import Loader

    try:
        return yaml.load(text, Loader)
    except (yaml.YAMLError, ValueError):
        raise ThesisError(f"값을 읽을 수 없다: {text!r}. 수, 글자, [1, 2] 또는 {{num_heads: 8}} 꼴로 적으라.") from None


def train_command(args, _rest) -> None:
    import torch

    from .environment import over_before
    from .experiment import Experiment
    from .profiles import parse_limit, read_profile, train_missing

    typed = {f.name: (f.type, getattr(args, f.name)) for f in fields(Experiment)}
    given = {name: t if kind is str else value_of(t) for name, (kind, t) in typed.items() if t is not None}
    if args.profile and given:
        raise ThesisError(f"--profile과 함께 쓸 수 없는 인자: {', '.join(given)}. 프로필 파일에 적으라.")
    experiments = read_profile(args.profile) if args.profile else [Experiment.of(given)]
    if args.threads is not None:
        if not 1 <= args.threads <= 4096:
            raise ThesisError(f"threads에 쓸 수 없는 값: {args.threads}. 1 이상 4096 이하의 정수만 쓸 수 있다.")
        torch.set_num_threads(args.threads)
    deadline = time.monotonic() + parse_limit(args.limit) if args.limit is not None else None
    options = {"root": args.root, "device": args.device, "deadline": deadline, "resume": not args.restart}
    with over_before(deadline):
        left = train_missing(experiments, args.results, **options)
    print(f"실행 {len(experiments)}개 가운데 {len(experiments) - len(left)}개에 기록이 있다: {args.results}/runs")


def run_command(args, rest) -> None:
    from .batch import notebook_parameters, run_notebook

    if len(rest) % 2 or any(not name.startswith("--") for name in rest[::2]):
        raise ThesisError("노트북 매개변수는 '--이름 값' 꼴로 적으라.")
    defaults = notebook_parameters(Path(args.notebook))
    typed = {name[2:].replace("-", "_"): text for name, text in zip(rest[::2], rest[1::2], strict=True)}
    given = {name: text if isinstance(defaults.get(name), str) else value_of(text) for name, text in typed.items()}
    print(f"실행한 노트북: {run_notebook(args.notebook, given, args.output)}")


def records_command(args, _rest) -> int:
    from .records import load_records

    table = load_records(args.results)
    for problem in table.attrs["problems"]:
        print(problem, file=sys.stderr)
    columns = ["dataset", "network", "arm", "seed", "epochs", "learning_rate", "val_accuracy", "test_accuracy"]
    columns += ["parameters", "macs", "id", "options"]
    print(table[columns].to_string(index=False) if len(table) else f"{args.results}에 기록이 없다.")
    return 1 if table.attrs["problems"] else 0


def compare_command(args, _rest) -> None:
    from .arms import FAMILIES, label
    from .errors import choose
    from .records import SETTINGS, load_records, usual
    from .stats import compared

    table = load_records(args.results)
    if args.first == args.second or table.empty:
        wrong = "견줄 두 비교군이 같다" if len(table) else f"{args.results}에 기록이 없다"
        raise ThesisError(f"{wrong}: {args.first}, {args.second}. 기록이 있는 서로 다른 둘을 적으라.")
    for arm in (args.first, args.second):
        choose("비교군", arm, sorted(table["arm"].unique()))
    told = False
    for settings, group in table.groupby(SETTINGS):
        own = usual(group)
        d = compared(own, args.first, args.second, FAMILIES)
        if d.n:
            told = True
            print(" · ".join(f"{name} {value}" for name, value in zip(SETTINGS[:-1], settings, strict=False)))
            changed = own[own["arm"].isin((d.first, d.second)) & (own["options"] != "{}")]
            for arm, options in changed.groupby("arm")["options"].first().items():
                print(f"  {label(arm)}: {options}")
            planned = any({d.first, d.second} == set(pair) for members in FAMILIES for pair in members)
            p = f"{'보정한' if planned else '보정하지 않은'} p {d.adjusted:.3f}"
            sizes = f", 95% 구간 [{d.low:+z.2f}, {d.high:+z.2f}], {p}" if d.p == d.p else ""
            print(f"  {label(d.first)} − {label(d.second)}: 시드 {d.n}개, 차이 {d.mean:+z.2f} %p{sizes}: {d.verdict}")
    if not told:
        raise ThesisError(f"같은 설정과 시드로 학습한 {args.first}와 {args.second}의 기록이 없다: {args.results}/runs.")


def listed(table) -> str:
    """A table for a terminal, its words to the left; a number that had to be counted has a star."""
    table["macs"] = table["macs"].astype(str) + table.pop("exact").map({True: "", False: "*"})
    words = {name: table[name].str.ljust(table[name].str.len().max()) for name in ("name", "source")}
    return table.assign(**words).to_string(index=False, justify="left")


def blocks_command(args, _rest) -> None:
    from .catalogue import blocks

    table = blocks(args.network)
    print(f"{args.network}의 모든 단계에서 늘어나는 매개변수와 곱셈-누산(*: torch로 센 값; 축소 비율은 좁은 망에서 8)")
    print(listed(table))


def networks_command(args, _rest) -> None:
    from .catalogue import networks

    print("블록 없이, 클래스 열 개와 그 화소 수로 센 매개변수와 곱셈-누산, standard 빈자리의 수")
    print(listed(networks()))


def verify_command(args, _rest) -> int:
    from .verification import verify

    agrees, sentence = verify(args.run, args.results, root=args.root, device=args.device)
    print(f"{args.run}: {sentence}")
    return 0 if agrees else 1


def doctor_command(args, _rest) -> int:
    from .doctor import examine

    sound = True
    for what, answer, well in examine(args.results):
        print(f"{'✓' if well else '✗'} {what}: {answer}")
        sound = sound and well
    return 0 if sound else 1


def parser() -> Parser:
    from .experiment import Experiment

    main = Parser(prog="python -m thesis_lib", description="학사 논문 실험: 학습, 노트북, 기록")
    commands = main.add_subparsers(dest="command", required=True, parser_class=Parser, metavar="명령")
    records, machine = Parser(add_help=False), Parser(add_help=False)
    records.add_argument("--results", default="results", help="기록 폴더")
    machine.add_argument("--root", default="data", help="자료 폴더")
    machine.add_argument("--device", choices=["cpu", "cuda"], help="장치 (기본: GPU가 있으면 GPU)")

    def command(name: str, call, text: str, *shared: Parser) -> Parser:
        made = commands.add_parser(name, help=text, parents=shared)
        made.set_defaults(call=call)
        return made

    train = command("train", train_command, "실험 하나, 또는 프로필에서 빠진 실험들을 학습한다", records, machine)
    for item in fields(Experiment):
        told = f"{HELP.get(item.name, '')} (기본: {getattr(Experiment, item.name, '없음')})".strip()
        train.add_argument(f"--{item.name.replace('_', '-')}", dest=item.name, metavar="값", help=told)
    train.add_argument("--profile", help="프로필 파일, 예: profiles/cpu.yaml")
    train.add_argument("--limit", help="시간 제한, 예: 165m; 닿기 전에 저장하고 멈춘다")
    train.add_argument("--threads", type=int, help="CPU 스레드 수")
    train.add_argument("--restart", action="store_true", help="체크포인트와 기록을 쓰지 않고 처음부터")
    run = command("run", run_command, "노트북을 papermill로 실행한다: run 노트북 --이름 값 ...")
    run.add_argument("notebook", help="예: notebooks/experiment.ipynb")
    run.add_argument("--output", help="실행한 노트북의 파일 이름 (기본: 기록 폴더의 notebooks/<id>.ipynb)")
    command("records", records_command, "기록을 표로 본다", records)
    compare = command("compare", compare_command, "두 비교군을 짝지어 견준다: compare senet_self senet", records)
    compare.add_argument("first", metavar="arm")
    compare.add_argument("second", metavar="arm")
    verify = command("verify", verify_command, "기록 하나를 다시 학습하여 맞는지 본다: verify <id>", records, machine)
    verify.add_argument("run", metavar="id")
    blocks = command("blocks", blocks_command, "블록의 목록: 이름, 비용, 출처")
    blocks.add_argument("--network", default="resnet20", help="블록을 둘 망 (기본: resnet20)")
    command("networks", networks_command, "망의 목록: 이름, 비용, 빈자리, 출처")
    command("doctor", doctor_command, "이 컴퓨터에 필요한 것이 다 있는지 본다", records)
    return main


def main(arguments: list[str] | None = None) -> int:
    """Parse, call, and turn a user's mistake into one sentence and an exit code that is not 0."""
    try:
        args, rest = parser().parse_known_args(arguments)
        if rest and args.command != "run":
            raise ThesisError(f"알 수 없는 인자: {' '.join(rest)}. 도움말: python -m thesis_lib {args.command} --help")
        return args.call(args, rest) or 0
    except Stopped as stopped:
        print(stopped, file=sys.stderr)
        return stopped.status
    except ThesisError as error:
        print(f"오류: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("중단했다.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `records | head`; what Python still holds of the output goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


if __name__ == "__main__":
    sys.exit(main())
