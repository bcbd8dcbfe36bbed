/* The coordinator's process: loop, listeners, timers, signals, and who is wired to whom. */
#pragma once
#include "coordinator/config.h"

/* Runs until SIGTERM or SIGINT. Returns the exit code; errors were logged. */
int coordinator_run(const struct coordinator_config *config);
