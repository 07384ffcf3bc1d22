/* Philox, compared with Random123's known answers, and the numbers drawn from it. */
#include "base/philox.h"

#include "support/philox_answers.h"
#include "support/support.h"

#include <stdlib.h>

START_TEST(test_known_answers)
{
    for (size_t i = 0; i < PHILOX_ANSWERS; i++) {
        uint32_t out[4];
        philox4x32_10(philox_answers[i].counter, philox_answers[i].key, out);
        for (int j = 0; j < 4; j++)
            ck_assert_uint_eq(out[j], philox_answers[i].expected[j]);
    }
}
END_TEST

/* The counter is (index, use and part), the key the seed: the numbers of a stream are blocks 0, 1, … in
 * order. */
START_TEST(test_stream_is_its_blocks)
{
    const uint64_t seed = 0x0123456789abcdefu;
    const uint32_t key[2] = {0x89abcdefu, 0x01234567u};
    struct philox random = philox_start(seed, RANDOM_SHUFFLE, 7);
    for (uint32_t block = 0; block < 5; block++) {
        const uint32_t counter[4] = {block, 0, 7, RANDOM_SHUFFLE};
        uint32_t expected[4];
        philox4x32_10(counter, key, expected);
        for (int j = 0; j < 4; j++)
            ck_assert_uint_eq(philox_next(&random), expected[j]);
    }
}
END_TEST

START_TEST(test_streams_differ)
{
    struct philox streams[] = {philox_start(1, RANDOM_INIT, 0), philox_start(2, RANDOM_INIT, 0),
                               philox_start(1, RANDOM_INIT, 1), philox_start(1, RANDOM_SHUFFLE, 0)};
    uint32_t first[4];
    for (int i = 0; i < 4; i++) {
        first[i] = philox_next(streams + i);
        for (int j = 0; j < i; j++)
            ck_assert_uint_ne(first[i], first[j]);
    }
}
END_TEST

/* A seed gives the same run in every version, so the streams' numbers must not change. */
START_TEST(test_streams_stay)
{
    static const int streams[] = {RANDOM_INIT,         RANDOM_SHUFFLE, RANDOM_TEST,   RANDOM_SYNTHETIC,
                                  RANDOM_IMAGE_FOLDER, RANDOM_SHEET,   RANDOM_CHANGE, RANDOM_NOISE,
                                  RANDOM_MIXUP,        RANDOM_SPLIT};
    for (int i = 0; i < (int)COUNT_OF(streams); i++)
        ck_assert_int_eq(streams[i], i + 1);
}
END_TEST

START_TEST(test_permutation)
{
    enum { COUNT = 1009 };
    uint32_t order[COUNT];
    bool is_seen[COUNT] = {false};
    size_t fixed = 0;
    struct philox random = philox_start(3, RANDOM_TEST, 0);
    philox_permutation(&random, order, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        ck_assert_uint_lt(order[i], COUNT);
        ck_assert(!is_seen[order[i]]);
        is_seen[order[i]] = true;
        fixed += order[i] == i;
    }
    /* A random permutation has one fixed point on average, with variance one: ten are nine sigma away. */
    ck_assert_uint_lt(fixed, 10);
    philox_permutation(&random, order, 1);
    ck_assert_uint_eq(order[0], 0);
    philox_permutation(&random, order, 0);
    /* for one row or none, nothing is drawn */
    struct philox untouched = philox_start(4, RANDOM_TEST, 0), after = untouched;
    philox_permutation(&after, order, 0);
    philox_permutation(&after, order, 1);
    ck_assert_uint_eq(philox_next(&after), philox_next(&untouched));
}
END_TEST

/* All 24 orders of four, 24,000 times: each comes 1000 times on average, with sigma 31; 6 are allowed. */
START_TEST(test_permutations_are_equally_likely)
{
    size_t seen[256] = {0}, orders = 0;
    struct philox random = philox_start(4, RANDOM_TEST, 0);
    for (int i = 0; i < 24000; i++) {
        uint32_t order[4];
        philox_permutation(&random, order, 4);
        seen[order[0] << 6 | order[1] << 4 | order[2] << 2 | order[3]]++;
    }
    for (size_t i = 0; i < 256; i++) {
        if (seen[i]) {
            orders++;
            ck_assert_within((double)seen[i], 1000, 6 * 31);
        }
    }
    ck_assert_uint_eq(orders, 24);
}
END_TEST

START_TEST(test_below)
{
    size_t seen[7] = {0};
    struct philox random = philox_start(5, RANDOM_TEST, 0);
    for (int i = 0; i < 70000; i++) {
        const uint32_t number = philox_below(&random, 7);
        ck_assert_uint_lt(number, 7);
        seen[number]++;
    }
    /* Binomial(70000, 1/7): sigma is sqrt(70000 * 6 / 49) = 92.6; 6 sigma are allowed. */
    for (int i = 0; i < 7; i++)
        ck_assert_within((double)seen[i], 10000, 6 * 92.6);
    ck_assert_uint_eq(philox_below(&random, 1), 0);
    ck_assert_uint_lt(philox_below(&random, UINT32_MAX), UINT32_MAX);
}
END_TEST

/* 2^32 mod 3 is 1: only 0 is drawn again. */
START_TEST(test_below_draws_again_what_is_biased_alone)
{
    struct philox random = philox_start(1, RANDOM_TEST, 0);
    random.block[2] = 0;
    random.block[3] = 1;
    random.unused = 2;
    ck_assert_uint_eq(philox_below(&random, 3), 1);
    ck_assert_uint_eq(random.unused, 0);
}
END_TEST

/* Over n = 200,000 draws, a moment's mean is off by sqrt(variance / n); 6 of those are allowed. The variances
 * of z, z² and z⁴ are 1, 2 and 96; of a uniform number and its square 1/12 and 4/45. */
START_TEST(test_moments)
{
    enum { COUNT = 200000 };
    double z1 = 0, z2 = 0, z4 = 0, u1 = 0, u2 = 0;
    struct philox random = philox_start(6, RANDOM_TEST, 0);
    for (int i = 0; i < COUNT; i++) {
        const double z = philox_normal(&random), u = philox_uniform(&random);
        ck_assert(u >= 0 && u < 1);
        z1 += z / COUNT;
        z2 += z * z / COUNT;
        z4 += z * z * z * z / COUNT;
        u1 += u / COUNT;
        u2 += u * u / COUNT;
    }
    ck_assert_within(z1, 0, 6 * sqrt(1.0 / COUNT));
    ck_assert_within(z2, 1, 6 * sqrt(2.0 / COUNT));
    ck_assert_within(z4, 3, 6 * sqrt(96.0 / COUNT));
    ck_assert_within(u1, 0.5, 6 * sqrt(1 / 12.0 / COUNT));
    ck_assert_within(u2, 1 / 3.0, 6 * sqrt(4 / 45.0 / COUNT));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("philox");
    TCase *tests = tcase_create("philox");
    tcase_add_test(tests, test_known_answers);
    tcase_add_test(tests, test_stream_is_its_blocks);
    tcase_add_test(tests, test_streams_differ);
    tcase_add_test(tests, test_streams_stay);
    tcase_add_test(tests, test_permutation);
    tcase_add_test(tests, test_permutations_are_equally_likely);
    tcase_add_test(tests, test_below);
    tcase_add_test(tests, test_below_draws_again_what_is_biased_alone);
    tcase_add_test(tests, test_moments);
    suite_add_tcase(suite, tests);
    return test_run(suite);
}
