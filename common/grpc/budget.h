/* A budget that is spent by events and refilled by time: a token bucket. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct grpc_budget {
        uint64_t left_milli; /* thousandths of an event */
        uint64_t filled_ms;
        uint32_t burst, per_s;
};

/* A full budget of BURST events that regains PER_S a second. */
void grpc_budget_init(struct grpc_budget *budget, uint32_t burst, uint32_t per_s, uint64_t now_ms);

/* Takes one event. False if there is none left. */
bool grpc_budget_spend(struct grpc_budget *budget, uint64_t now_ms);

/* Gives one event back, up to the burst. */
void grpc_budget_earn(struct grpc_budget *budget);
