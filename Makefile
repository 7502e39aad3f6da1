# Open Sharedroot. `make` alone prints this help; what it does not list is not supported.
#
# set-up and look:
#   make demo          boot two machines from one shared root and show it (installs what it needs)
#   make check         unit, image and core VM tests (installs what it needs)
# install:
#   make install       install below $(DESTDIR)/usr: command osr, commands of old, dracut modules, cluster.conf's
#                      schema and manual page
#   make uninstall     remove what install brought
# tests by tier:
#   make unit          unit, golden and hook tests, linters and types: seconds, no root
#   make lint          ruff, shellcheck and dash over the code
#   make types         mypy --strict over code and tests
#   make fuzz          hostile input at length, other examples each time; SECONDS=600 for how long (60)
#   make stops         stop every change of a shared root at every operation; writes docs/cdsl-stops.md
#   make image-check   build images, look into them, run the agent in them
#   make vm-check      the core VM cases; CASE="NAME..." for some of all, TABLE=docs/vm-cases.md to note the result
#   make vm-check-all  every VM case; writes docs/vm-cases.md
#   make matrix        the full-featured NFSv4 boot on Debian 12, 13 and sid; writes docs/matrix.md
#   make bench         measure and compare: image size, agent's time, boot time; writes docs/bench.md
#   make clean         remove what the build and the tests left in this directory
#
# variables: DESTDIR, prefix (/usr), PYTHON (/usr/bin/python3), OSR_LAB_CACHE (where root trees and images are kept)

prefix ?= /usr
sbindir ?= $(prefix)/sbin
libdir ?= $(prefix)/lib/osr
dracutdir ?= $(prefix)/lib/dracut
schema = $(DESTDIR)$(prefix)/share/osr/cluster.rng
manual = $(DESTDIR)$(prefix)/share/man/man5/osr-cluster.conf.5
PYTHON ?= /usr/bin/python3
VENV = .venv
SECONDS ?= 60
RUN = $(VENV)/bin/python

# dracut 108 and newer keep 50 to 59 for modules from elsewhere; it is the version that has an initqueue module.
numbers = $(if $(wildcard $(DESTDIR)$(dracutdir)/modules.d/*initqueue),55 56,95 96)
osr_module = $(DESTDIR)$(dracutdir)/modules.d/$(word 1,$(numbers))osr
cluster_module = $(DESTDIR)$(dracutdir)/modules.d/$(word 2,$(numbers))osr-cluster
dracut_conf = $(DESTDIR)$(dracutdir)/dracut.conf.d/99-osr.conf
packages = $(sort $(dir $(wildcard osr_boot/*.py osr_boot/*/*.py)))
programs = osr com-queryclusterconf com-mkcdslinfrastructure com-mkcdsl com-rmcdsl com-cdslinvchk com-cdslinvadm com-forcdsls

.PHONY: help install uninstall demo check unit lint types fuzz stops image-check vm-check vm-check-all matrix bench clean setup setup-lab

help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' Makefile

install:
	for directory in $(packages); do install -d "$(DESTDIR)$(libdir)/$$directory" && \
	  install -m 644 $$directory*.py "$(DESTDIR)$(libdir)/$$directory" || exit 1; done
	install -d "$(DESTDIR)$(sbindir)" "$(osr_module)" "$(cluster_module)" "$(dir $(dracut_conf))"
	for program in $(programs); do sed "s|@libdir@|$(libdir)|; s|@program@|$$program|" packaging/program.in > "$(DESTDIR)$(sbindir)/$$program" && \
	  chmod 755 "$(DESTDIR)$(sbindir)/$$program" || exit 1; done
	sed 's|^osr_home=.*|osr_home=$(libdir)|' dracut/95osr/module-setup.sh > "$(osr_module)/module-setup.sh"
	sed 's|^osr_home=.*|osr_home=$(libdir)|' dracut/96osr-cluster/module-setup.sh > "$(cluster_module)/module-setup.sh"
	chmod 755 "$(osr_module)/module-setup.sh" "$(cluster_module)/module-setup.sh"
	install -m 644 dracut/95osr/osr-*.sh "$(osr_module)"
	install -m 644 dracut/96osr-cluster/osr-*.sh "$(cluster_module)"
	install -m 644 dracut/99-osr.conf "$(dracut_conf)"
	install -d "$(dir $(schema))" "$(dir $(manual))"
	$(PYTHON) -B -m osr_boot.schema > "$(schema)"
	$(PYTHON) -B -m osr_boot.manual > "$(manual)"

uninstall:
	rm -rf "$(DESTDIR)$(libdir)" "$(DESTDIR)$(dracutdir)"/modules.d/[0-9][0-9]osr "$(DESTDIR)$(dracutdir)"/modules.d/[0-9][0-9]osr-cluster
	rm -f $(programs:%="$(DESTDIR)$(sbindir)/%") "$(dracut_conf)" "$(schema)" "$(manual)"
	for directory in "$(DESTDIR)$(sbindir)" "$(dir $(schema))" "$(dir $(manual))" "$(dir $(dracut_conf))" "$(DESTDIR)$(dracutdir)/modules.d" "$(DESTDIR)$(dracutdir)"; do \
	  rmdir -p --ignore-fail-on-non-empty "$$directory" 2>/dev/null || true; done

# --- tests -----------------------------------------------------------------------------------------------------------

setup:
	@tests/setup dev

setup-lab:
	@tests/setup lab

unit: setup
	$(RUN) -m pytest -q tests/unit tests/golden tests/hooks

lint: setup
	$(RUN) -m pytest -q tests/unit/test_linters.py -k "not mypy"

types: setup
	$(RUN) -m pytest -q tests/unit/test_linters.py -k mypy

fuzz: setup
	$(RUN) -m tests.fuzz --seconds $(SECONDS)

stops: setup
	$(RUN) -m tests.unit.test_cdsl_operations --table docs/cdsl-stops.md

image-check: setup setup-lab
	$(RUN) -m pytest -q tests/image

vm-check: setup-lab
	$(PYTHON) -m tests.vm $(if $(CASE),$(CASE),--core) $(if $(TABLE),--table $(TABLE))

vm-check-all: setup-lab
	$(PYTHON) -m tests.vm --all --table docs/vm-cases.md

check: setup setup-lab
	$(PYTHON) -m tests.check

demo: setup-lab
	$(PYTHON) -m tests.demo

matrix: setup-lab
	$(PYTHON) -m tests.vm --matrix --table docs/matrix.md

bench: setup-lab
	@tests/setup bench
	$(PYTHON) -m tests.bench --table docs/bench.md

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
