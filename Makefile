# Build, test and install mesh. `make help` lists the targets.
#
#   BUILD=dir   where everything is built (build)      V=1         shows the commands
#   CC=clang    the other compiler                     SANITIZE=address,undefined
#
# One folder is one library; arrows point down: meshctl, agent, coordinator -> firewall -> proto ->
# common (docs/architecture.md). A new .c file is picked up by itself; a new library goes into
# PACKAGES and docs/dependencies.md.

BUILD   ?= build
CC      ?= gcc
ifeq ($(origin CC),default)
CC      := gcc
endif
V       ?= 0
Q       := $(if $(filter 1,$(V)),,@)
say      = $(if $(filter 1,$(V)),@:,@printf '  %-6s %s\n' '$(1)' '$(2)')
VERSION := $(shell cat VERSION)
SANITIZE ?=
comma := ,

prefix     ?= /usr/local
sbindir    ?= $(prefix)/sbin
bindir     ?= $(prefix)/bin
sysconfdir ?= /etc
libdir     ?= /usr/lib
DESTDIR    ?=

# Different compilers and sanitizers must not share objects.
ifneq ($(SANITIZE),)
OBJ := $(BUILD)/obj-$(notdir $(CC))-$(subst $(comma),-,$(SANITIZE))
else
OBJ := $(BUILD)/obj-$(notdir $(CC))
endif

BIN := $(BUILD)/bin
GEN := $(BUILD)/gen

PACKAGES := libsodium openssl libnghttp2 libuv libprotobuf-c sqlite3 libmnl libnftnl libfyaml jansson smartcols

# ---- flags -------------------------------------------------------------------------------------

WARNINGS := -Wall -Wextra -Wconversion -Wformat=2 -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
            -Wundef -Wvla -Werror
# Options that this compiler takes, or nothing.
cc_takes  = $(shell $(CC) -Werror $(1) -c -x c /dev/null -o /dev/null 2>/dev/null && echo '$(1)')
HARDEN   := -fstack-protector-strong -fstack-clash-protection -fPIE \
            -fno-strict-aliasing -fno-delete-null-pointer-checks
# clang before 16 asks for a second option to believe the first.
AUTOZERO := -ftrivial-auto-var-init=zero
HARDEN   += $(or $(call cc_takes,$(AUTOZERO)),$(call cc_takes,$(AUTOZERO) -enable-trivial-auto-var-init-zero-knowing-it-will-be-removed-from-clang))
ifeq ($(shell uname -m),x86_64)
HARDEN   += -fcf-protection=full
endif
ifeq ($(SANITIZE),)
FORTIFY  := -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
SANFLAGS :=
else
FORTIFY  := -U_FORTIFY_SOURCE
SANFLAGS := -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer
endif
OPT      ?= -O2 -g
PKG_CFLAGS := $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null)
PKG_LIBS   := $(shell pkg-config --libs $(PACKAGES) 2>/dev/null)
CPPFLAGS += -D_GNU_SOURCE -DMESH_VERSION='"$(VERSION)"' -I. -I$(GEN) $(PKG_CFLAGS)
CFLAGS   := -std=c17 $(OPT) $(WARNINGS) $(HARDEN) $(FORTIFY) $(SANFLAGS) $(EXTRA_CFLAGS)
LDFLAGS  := -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed $(SANFLAGS) $(EXTRA_LDFLAGS)
LIBS     := $(PKG_LIBS) -lpthread

# ---- sources -----------------------------------------------------------------------------------

FOLDERS := common proto firewall coordinator agent meshctl
PROTOS  := $(wildcard proto/mesh/*/*.proto proto/grpc/*/*/*.proto)
GEN_C   := $(PROTOS:proto/%.proto=$(GEN)/%.pb-c.c)
GEN_H   := $(GEN_C:.c=.h)
# What reflection tells: the coordinator's services, compiled, as the elements of a C array.
DESCRIBED   := $(sort $(filter-out %/local.proto %/names.proto,$(PROTOS)))
DESCRIPTORS := $(GEN)/descriptors.inc

sources = $(sort $(wildcard $(1)/*.c $(1)/*/*.c $(1)/*/*/*.c))
objects = $(patsubst %.c,$(OBJ)/%.o,$(filter-out $(1)/main.c,$(call sources,$(1))))
archive = $(OBJ)/lib$(1).a

PROTO_GEN_O := $(GEN_C:$(GEN)/%.c=$(OBJ)/gen/%.o)

# What each folder may use, itself first.
NEEDS_common      := common
NEEDS_proto       := proto common
NEEDS_firewall    := firewall proto common
NEEDS_coordinator := coordinator firewall proto common
NEEDS_agent       := agent firewall proto common
NEEDS_meshctl     := meshctl firewall proto common
NEEDS_sim         := coordinator agent firewall proto common
NEEDS_bench       := $(NEEDS_sim)
NEEDS_crash       := $(NEEDS_coordinator)
NEEDS_interop     := $(NEEDS_coordinator)

PROGRAMS := $(BIN)/mesh-coordinator $(BIN)/mesh-agent $(BIN)/meshctl

.SECONDARY: $(GEN_C) $(GEN_H) $(DESCRIPTORS)

.PHONY: all
all: $(PROGRAMS)

# ---- compiling ---------------------------------------------------------------------------------

# The flags are a prerequisite, so that a changed flag rebuilds.
FLAGS_STAMP := $(OBJ)/flags
FLAGS_NOW   := $(CC) $(CPPFLAGS) $(CFLAGS)
ifneq ($(file <$(FLAGS_STAMP)),$(FLAGS_NOW))
$(shell mkdir -p $(OBJ))
$(file >$(FLAGS_STAMP),$(FLAGS_NOW))
endif

$(GEN)/%.pb-c.c $(GEN)/%.pb-c.h &: proto/%.proto
	$(if $(PKG_LIBS),,$(error Libraries are missing: run tools/install-packages build))
	$(call say,PROTO,$<)
	$(Q)mkdir -p $(GEN)
	$(Q)protoc -I proto --c_out=$(GEN) $<

$(OBJ)/gen/%.o: $(GEN)/%.c $(FLAGS_STAMP) | $(GEN_H)
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(filter-out -Wconversion -Wshadow -Wundef,$(CFLAGS)) -MMD -MP -c -o $@ $<

$(DESCRIPTORS): $(DESCRIBED)
	$(call say,PROTO,$@)
	$(Q)mkdir -p $(@D)
	$(Q)protoc -I proto --include_imports --descriptor_set_out=$(@:.inc=.desc) $^
	$(Q)od -An -v -tx1 $(@:.inc=.desc) | sed 's/ \(..\)/0x\1,/g' >$@

$(OBJ)/%.o: %.c $(FLAGS_STAMP) | $(GEN_H) $(DESCRIPTORS)
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

define folder_rules
$(call archive,$(1)): $(call objects,$(1)) $(if $(filter proto,$(1)),$(PROTO_GEN_O))
	$$(call say,AR,$$@)
	$$(Q)rm -f $$@ && ar rcs $$@ $$^
endef
$(foreach f,$(FOLDERS),$(eval $(call folder_rules,$(f))))

libs_for = $(foreach n,$(NEEDS_$(1)),$(call archive,$(n)))

define program_rules
$(BIN)/$(1): $(OBJ)/$(2)/main.o $(call libs_for,$(2))
	$$(call say,LD,$$@)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(CC) $$(CFLAGS) $$(LDFLAGS) -o $$@ $$^ $$(LIBS)
endef
$(eval $(call program_rules,mesh-coordinator,coordinator))
$(eval $(call program_rules,mesh-agent,agent))
$(eval $(call program_rules,meshctl,meshctl))

# ---- unit tests --------------------------------------------------------------------------------
# tests/<folder>/.../test_<module>.c is one program, linked with what <folder> may use and with
# tests/support.

TEST_C   := $(sort $(shell find tests -name 'test_*.c' 2>/dev/null))
SUPPORT_O := $(patsubst %.c,$(OBJ)/%.o,$(wildcard tests/support/*.c))
TEST_BINS := $(TEST_C:%.c=$(OBJ)/%)

define test_rules
$(OBJ)/$(basename $(1)): $(OBJ)/$(basename $(1)).o $(SUPPORT_O) $(call libs_for,$(word 2,$(subst /, ,$(1))))
	$$(call say,LD,$$@)
	$$(Q)$$(CC) $$(CFLAGS) $$(LDFLAGS) -o $$@ $$(filter %.o,$$^) -Wl,--start-group $$(filter %.a,$$^) -Wl,--end-group $$(LIBS) -lcmocka
endef
$(foreach t,$(TEST_C),$(eval $(call test_rules,$(t))))

.PHONY: unit-tests
unit-tests: $(TEST_BINS)

# One test by hand: make test/common/test_cursor
.PHONY: test/%
test/%: $(OBJ)/tests/%
	$<

# ---- fuzz targets ------------------------------------------------------------------------------
# tests/<folder>/.../fuzz_<parser>.c is one program. With SANITIZE=fuzzer-no-link,... (clang) it is
# libFuzzer's; else tests/fuzzing/replay.c runs it over its corpus.

FUZZ_C    := $(sort $(shell find tests -name 'fuzz_*.c' 2>/dev/null))
FUZZ_BINS := $(FUZZ_C:%.c=$(OBJ)/%)
ifneq ($(findstring fuzzer-no-link,$(SANITIZE)),)
FUZZ_MAIN :=
FUZZ_LINK := -fsanitize=fuzzer
else
FUZZ_MAIN := $(OBJ)/tests/fuzzing/replay.o
FUZZ_LINK :=
endif
FUZZ_SECONDS ?= 60

define fuzz_rules
$(OBJ)/$(basename $(1)): $(OBJ)/$(basename $(1)).o $(FUZZ_MAIN) $(call libs_for,$(word 2,$(subst /, ,$(1))))
	$$(call say,LD,$$@)
	$$(Q)$$(CC) $$(CFLAGS) $$(LDFLAGS) $(FUZZ_LINK) -o $$@ $$(filter %.o,$$^) -Wl,--start-group $$(filter %.a,$$^) -Wl,--end-group $$(LIBS)
endef
$(foreach t,$(FUZZ_C),$(eval $(call fuzz_rules,$(t))))

.PHONY: fuzz-targets
fuzz-targets: $(FUZZ_BINS)

# For tests/run: the programs by name.
.PHONY: list-unit-tests list-fuzz-targets
list-unit-tests:
	@printf '%s\n' $(TEST_BINS)
list-fuzz-targets:
	@printf '%s\n' $(FUZZ_BINS)

# ---- interop -----------------------------------------------------------------------------------
# tests/interop/<name>.c is a program that a test_*.py there drives, linked with tests/interop/lib;
# <name>.cc is a client on grpc++, which shares no code with ours.

INTEROP_C    := $(filter-out tests/interop/test_%.c,$(wildcard tests/interop/*.c))
INTEROP_BINS := $(INTEROP_C:%.c=$(OBJ)/%)
INTEROP_CC   := $(wildcard tests/interop/*.cc)
INTEROP_CC_BINS := $(INTEROP_CC:%.cc=$(OBJ)/%)
INTEROP_LIB_O   := $(patsubst %.c,$(OBJ)/%.o,$(wildcard tests/interop/lib/*.c)) $(OBJ)/gen/grpc_testing.pb-c.o

$(GEN)/grpc_testing.pb-c.c $(GEN)/grpc_testing.pb-c.h &: tests/interop/grpc_testing.proto
	$(call say,PROTO,$<)
	$(Q)mkdir -p $(GEN)
	$(Q)protoc -I tests/interop --c_out=$(GEN) $<

$(GEN)/grpc_testing.pb.cc $(GEN)/grpc_testing.grpc.pb.cc &: tests/interop/grpc_testing.proto
	$(call say,PROTO,$@)
	$(Q)mkdir -p $(GEN)
	$(Q)protoc -I tests/interop --cpp_out=$(GEN) --grpc_out=$(GEN) --plugin=protoc-gen-grpc=$$(command -v grpc_cpp_plugin) $<

$(INTEROP_CC_BINS): $(OBJ)/%: %.cc $(GEN)/grpc_testing.pb.cc $(GEN)/grpc_testing.grpc.pb.cc
	$(call say,CXX,$@)
	$(Q)mkdir -p $(@D)
	$(Q)g++ -std=c++17 -O1 -Wall -I$(GEN) -o $@ $^ $$(pkg-config --cflags --libs grpc++ protobuf)

$(OBJ)/tests/interop/grpc_interop_server.o: | $(GEN)/grpc_testing.pb-c.h

$(INTEROP_BINS): %: %.o $(INTEROP_LIB_O) $(call libs_for,interop)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(LIBS)

.PHONY: interop-programs
interop-programs: $(INTEROP_BINS) $(INTEROP_CC_BINS)

# ---- benchmarks --------------------------------------------------------------------------------
# tests/bench/bench_<what>.c is one program; tests/bench/bench_<what>.sh and .py are run as they are.

BENCH_C       := $(sort $(wildcard tests/bench/bench_*.c))
BENCH_BINS    := $(BENCH_C:%.c=$(OBJ)/%)
BENCH_SCRIPTS := $(sort $(wildcard tests/bench/bench_*.sh tests/bench/bench_*.py))

$(BENCH_BINS): %: %.o $(SUPPORT_O) $(call libs_for,bench)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(LIBS) -lcmocka

# ---- what people call --------------------------------------------------------------------------
# The steps after an installation of packages are a make of their own: it asks pkg-config again.

export BUILD
export MESH_BIN := $(abspath $(BIN))
AGAIN := $(MAKE) --no-print-directory

.PHONY: check check-long lint format fuzz coverage bench demo
check:
	$(Q)tools/install-packages build demo check
	$(Q)tests/run

check-long:
	$(Q)tools/install-packages build demo check
	$(Q)tests/run --long

lint:
	$(Q)tools/install-packages check
	$(Q)tools/lint

format:
	$(Q)git ls-files -co --exclude-standard '*.c' '*.h' | xargs clang-format -i

# All targets, FUZZ_SECONDS each, from the corpora in the tree; findings stay in $(BUILD)/fuzz.
fuzz:
	$(Q)tools/install-packages build check
	$(Q)tests/run --fuzz-seconds $(FUZZ_SECONDS) fuzz

coverage:
	$(Q)tools/install-packages build check coverage
	$(Q)$(AGAIN) -k BUILD=$(BUILD)/coverage OPT='-O0 -g' FORTIFY= EXTRA_CFLAGS=--coverage EXTRA_LDFLAGS=--coverage unit-tests
	$(Q)BUILD=$(BUILD)/coverage tests/run --programs $(BUILD)/coverage/obj-$(notdir $(CC)) unit
	$(Q)gcovr --root . --object-directory $(BUILD)/coverage --exclude tests --exclude '.*pb-c.*' --sort-percentage

bench:
	$(Q)tools/install-packages build demo check
	$(Q)$(AGAIN) all bench-programs
	$(Q)failed=0; for program in $(BENCH_BINS) $(BENCH_SCRIPTS); do "$$program" || failed=1; done; exit $$failed

.PHONY: bench-programs
bench-programs: $(BENCH_BINS)

demo:
	$(Q)tools/install-packages build demo
	$(Q)$(AGAIN) all
	$(Q)KEEP=$(or $(KEEP),0) tools/demo

# ---- installing --------------------------------------------------------------------------------

UNITS := $(wildcard packaging/systemd/*.service)

.PHONY: install uninstall deb
install: all
	install -D -m 755 -t $(DESTDIR)$(sbindir) $(BIN)/mesh-coordinator $(BIN)/mesh-agent
	install -D -m 755 -t $(DESTDIR)$(bindir) $(BIN)/meshctl
	install -D -m 644 -t $(DESTDIR)$(libdir)/sysusers.d packaging/sysusers.d/mesh.conf
	install -D -m 644 -t $(DESTDIR)$(libdir)/modules-load.d packaging/modules-load.d/mesh.conf
	install -D -m 644 -t $(DESTDIR)$(libdir)/NetworkManager/conf.d packaging/NetworkManager/90-mesh.conf
	install -D -m 644 -t $(DESTDIR)$(libdir)/systemd/network packaging/networkd/05-mesh.network
	install -D -m 644 -t $(DESTDIR)$(prefix)/share/doc/mesh LICENSE CHANGELOG.md
	install -d -m 755 $(DESTDIR)$(libdir)/systemd/system $(DESTDIR)$(sysconfdir)/mesh
	for unit in $(UNITS); do \
		sed 's|@sbindir@|$(sbindir)|g' "$$unit" >$(DESTDIR)$(libdir)/systemd/system/$${unit##*/}; \
	done

uninstall:
	rm -f $(DESTDIR)$(sbindir)/mesh-coordinator $(DESTDIR)$(sbindir)/mesh-agent $(DESTDIR)$(bindir)/meshctl
	rm -f $(DESTDIR)$(libdir)/sysusers.d/mesh.conf $(DESTDIR)$(libdir)/modules-load.d/mesh.conf
	rm -f $(DESTDIR)$(libdir)/NetworkManager/conf.d/90-mesh.conf $(DESTDIR)$(libdir)/systemd/network/05-mesh.network
	rm -f $(addprefix $(DESTDIR)$(libdir)/systemd/system/,$(notdir $(UNITS)))
	rm -rf $(DESTDIR)$(prefix)/share/doc/mesh

deb:
	@echo 'make deb: the Debian package is not built yet; make install DESTDIR=... is there' >&2; exit 1

.PHONY: clean help
clean:
	rm -rf $(BUILD)

help:
	@echo 'make              the three programs, in $(BUILD)/bin'
	@echo 'make demo         a mesh of three hosts on this machine; KEEP=1 leaves it running'
	@echo 'make check        all kinds of tests, under 20 minutes; tests/run KIND... for some'
	@echo 'make check-long   all of the tests'
	@echo 'make lint         layout, layering, banned functions, sizes, undocumented prototypes'
	@echo 'make format       applies the layout'
	@echo 'make fuzz         every fuzz target for FUZZ_SECONDS (60)'
	@echo 'make coverage     lines that the unit tests reach'
	@echo 'make bench        figures'
	@echo 'make install      DESTDIR=, prefix= (/usr/local)'
	@echo 'make uninstall    the reverse; config and state stay'
	@echo 'make deb          not yet'
	@echo 'make clean        removes $(BUILD)'
	@echo 'make test/common/test_cursor    one unit test'
	@echo 'Also: BUILD=dir CC=clang SANITIZE=address,undefined V=1'

-include $(shell find $(OBJ) -name '*.d' 2>/dev/null)
