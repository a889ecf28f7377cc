"""`python -m thesis_book`: measure trained networks beside their records, set the PDF, spread the settings."""

import sys

from thesis_lib.__main__ import Parser
from thesis_lib.errors import ThesisError
from thesis_lib.profiles import read_profile
from thesis_lib.records import find_record

from . import contribution, faithfulness, robustness, settings

MEASURES = {
    "robustness": (robustness.measure, "프로필의 기록을 손상된 시험 영상에서 잰다"),
    "faithfulness": (faithfulness.measure, "프로필의 기록에서 지도의 충실성을 잰다"),
    "contribution": (contribution.measure, "프로필의 기록에서 셀프 어텐션이 더하는 값을 잰다"),
}


def parser() -> Parser:
    main = Parser(prog="python -m thesis_book", description="학습된 망을 재어 기록 곁에 적고, 논문을 짠다")
    commands = main.add_subparsers(dest="command", required=True, parser_class=Parser, metavar="명령")
    for name, (_, text) in MEASURES.items():
        command = commands.add_parser(name, help=text)
        command.add_argument("--profile", required=True, help="프로필 파일, 예: profiles/maps.yaml")
        command.add_argument("--results", default="results", help="기록 폴더")
        command.add_argument("--root", default="data", help="자료 폴더")
    pdf = commands.add_parser("pdf", help="지은 책으로 논문 PDF를 짠다")
    pdf.add_argument("--html", default="_build/html", help="지은 책의 폴더")
    pdf.add_argument("--output", default="_build/thesis.pdf", help="PDF를 둘 곳")
    commands.add_parser("settings", help="book/thesis.yml의 설정을 노트북과 CITATION.cff에 옮긴다")
    return main


def main(arguments: list[str] | None = None) -> int:
    """Measure every record of a profile that has weights; what is measured already is left alone."""
    try:
        args = parser().parse_args(arguments)
        if args.command == "pdf":
            from .pdf import build

            print(f"짠 논문: {build(args.html, args.output)}")
            return 0
        if args.command == "settings":
            changed = settings.spread()
            print(f"고친 파일: {', '.join(path.name for path in changed) or '없음'}")
            return 0
        found = [find_record(args.results, experiment.id) for experiment in read_profile(args.profile)]
        able = [record for record in found if record and record.has_weights]
        for record in able:
            MEASURES[args.command][0](record, args.root)
    except ThesisError as error:
        print(f"오류: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("중단했다. 다 잰 것은 남아 있으니 같은 명령을 다시 실행하면 이어서 한다.", file=sys.stderr)
        return 130
    print(f"실행 {len(found)}개 가운데 기록과 가중치가 있는 {len(able)}개를 쟀다: {args.results}/runs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
