/* The hash index against a plain array, through growth and removal. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/index.h"
#include "tests/support/seeded_env.h"
#include "tests/support/unit.h"

enum { ITEMS = 300, STEPS = 20000 };

struct item {
        uint32_t key;
        bool in;
};

static const void *key_of(const void *item)
{
        return &((const struct item *)item)->key;
}

static void an_empty_index_has_nothing(void **state)
{
        struct seeded_env e;
        struct index index;
        uint32_t key = 7;
        size_t cursor = 0;
        (void)state;
        seeded_env_init(&e, 1);
        index_init(&index, &e.env, sizeof(key), key_of);
        assert_null(index_find(&index, &key));
        assert_null(index_remove(&index, &key));
        assert_null(index_next(&index, &cursor));
        index_done(&index);
}

static void check(const struct index *index, const struct item *items)
{
        size_t in = 0, cursor = 0, seen = 0;
        for (size_t i = 0; i < ITEMS; i++) {
                in += items[i].in;
                assert_ptr_equal(index_find(index, &items[i].key), items[i].in ? &items[i] : NULL);
        }
        while (index_next(index, &cursor))
                seen++;
        assert_int_equal(seen, in);
        assert_int_equal(index->count, in);
}

static void finds_what_is_in_it(void **state)
{
        struct seeded_env e;
        struct index index;
        struct item items[ITEMS];
        (void)state;
        seeded_env_init(&e, 2);
        index_init(&index, &e.env, sizeof(items[0].key), key_of);
        for (uint32_t i = 0; i < ITEMS; i++)
                items[i] = (struct item){ .key = i };
        for (int step = 0; step < STEPS; step++) {
                struct item *item = &items[env_random_below(&e.env, ITEMS)];
                if (item->in)
                        assert_ptr_equal(index_remove(&index, &item->key), item);
                else
                        assert_int_equal(index_put(&index, item), 0);
                item->in = !item->in;
                if (step % 64 == 0)
                        check(&index, items);
        }
        check(&index, items);
        index_done(&index);
}

static void room_that_was_made_is_enough(void **state)
{
        struct seeded_env e;
        struct index index;
        struct item items[ITEMS];
        (void)state;
        seeded_env_init(&e, 3);
        index_init(&index, &e.env, sizeof(items[0].key), key_of);
        assert_int_equal(index_reserve(&index, ITEMS), 0);
        void *slots = index.slots;
        for (uint32_t i = 0; i < ITEMS; i++) {
                items[i].key = i;
                assert_int_equal(index_put(&index, &items[i]), 0);
        }
        assert_ptr_equal(index.slots, slots);
        index_done(&index);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_empty_index_has_nothing),
                cmocka_unit_test(finds_what_is_in_it),
                cmocka_unit_test(room_that_was_made_is_enough),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
