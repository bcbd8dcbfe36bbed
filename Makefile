# Build, test and install mesh. `make help` lists the targets.
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
unitdir    ?= /usr/lib/systemd/system
sysusersdir ?= /usr/lib/sysusers.d

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
HARDEN   := -fstack-protector-strong -fstack-clash-protection -fPIE -ftrivial-auto-var-init=zero \
            -fno-strict-aliasing -fno-delete-null-pointer-checks
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
PROTOS  := $(wildcard proto/mesh/v1/*.proto)
GEN_C   := $(PROTOS:proto/%.proto=$(GEN)/%.pb-c.c)
GEN_H   := $(GEN_C:.c=.h)

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

.SECONDARY: $(GEN_C) $(GEN_H)

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
	$(call say,PROTO,$<)
	$(Q)mkdir -p $(GEN)
	$(Q)protoc -I proto --c_out=$(GEN) $<

$(OBJ)/gen/%.o: $(GEN)/%.c $(FLAGS_STAMP) | $(GEN_H)
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(filter-out -Wconversion -Wshadow -Wundef,$(CFLAGS)) -MMD -MP -c -o $@ $<

$(OBJ)/%.o: %.c $(FLAGS_STAMP) | $(GEN_H)
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

-include $(shell find $(OBJ) -name '*.d' 2>/dev/null)
