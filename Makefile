# make thesis : 환경을 만들고, quick 프로필을 돌리고, 책을 짓는다
# make test   : 환경을 만들고, 모든 검사를 한다(lint와 pytest를 나란히)
# make pdf : 지은 책으로 논문 PDF(_build/thesis.pdf)를 짠다
# make book / check-book : 책만 짓는다 / 경고 하나도 없이 짓는지 본다
# make crash : 학습을 백 번 넘게 죽여 본다
# make benchmark : 속도를 재어 results/benchmarks에 적는다
# make settings : book/thesis.yml의 설정을 노트북과 CITATION.cff에 옮긴다
# make picture : README의 그림을 기록에서 다시 그린다
# make clean : 지은 책을 지운다(기록과 환경은 그대로 둔다)
PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PYTHONDONTWRITEBYTECODE := 1

.PHONY: thesis test pytest lint crash benchmark book pdf check-book settings picture constraints clean
.DEFAULT_GOAL := thesis

.venv/ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "오류: Python 3.11 이상이 필요하다. 'make PYTHON=python3.12'처럼 고르라."; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python -c constraints.txt -e '.[all]'
	touch $@

thesis: .venv/ready
	snakemake --config profile=quick results=results/local
	jupyter-book build book/
	@echo "다 되었다. 브라우저로 열라: file://$(CURDIR)/_build/html/index.html"

test: .venv/ready
	$(MAKE) -j2 lint pytest

pytest: .venv/ready
	pytest -n 3 --dist loadgroup --no-loadscope-reorder

crash: .venv/ready
	pytest -m crash

benchmark: .venv/ready
	python -m benchmarks

lint: .venv/ready
	ruff check .
	ruff format --check .
	mypy
	codespell

book: .venv/ready
	jupyter-book build book/

pdf: .venv/ready
	test -f _build/html/index.html || jupyter-book build book/
	python -m thesis_book pdf

settings: .venv/ready
	python -m thesis_book settings

check-book: .venv/ready
	jupyter-book build -n -W --keep-going --all book/

picture: .venv/ready
	python -c "from thesis_book import figures, tables; figures.learning_curves(tables.of_profile('cpu')).savefig('book/_static/result.svg')"

constraints: .venv/ready
	@echo "# 이 책을 만든 버전. 만드는 법: make constraints" > constraints.txt
	$(BIN)/uv pip freeze --python $(BIN)/python --exclude-editable | grep -v '^uv==' >> constraints.txt

clean:
	rm -rf _build .snakemake
