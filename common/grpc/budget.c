/* Token bucket; see the header. */
#include "common/grpc/budget.h"

static const uint64_t milli = 1000;

void grpc_budget_init(struct grpc_budget *budget, uint32_t burst, uint32_t per_s, uint64_t now_ms)
{
        *budget = (struct grpc_budget){
                .left_milli = burst * milli, .filled_ms = now_ms, .burst = burst, .per_s = per_s
        };
}

static void refill(struct grpc_budget *b, uint64_t now_ms)
{
        if (now_ms <= b->filled_ms)
                return;
        uint64_t full = b->burst * milli;
        uint64_t passed_ms = now_ms - b->filled_ms;
        b->filled_ms = now_ms;
        /* A long time fills it whatever the rate, and must not overflow the product. */
        uint64_t gained = passed_ms > UINT32_MAX ? full : passed_ms * b->per_s;
        b->left_milli = full - b->left_milli < gained ? full : b->left_milli + gained;
}

bool grpc_budget_spend(struct grpc_budget *budget, uint64_t now_ms)
{
        refill(budget, now_ms);
        if (budget->left_milli < milli)
                return false;
        budget->left_milli -= milli;
        return true;
}

void grpc_budget_earn(struct grpc_budget *budget)
{
        uint64_t full = budget->burst * milli;
        budget->left_milli = full - budget->left_milli < milli ? full : budget->left_milli + milli;
}
