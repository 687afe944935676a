/* planb-lpm (github.com/esutcu/planb-lpm): planb FOLDER v6 [ROUNDS]
 *
 * IPv6 only, prefixes of at most 64 bits; a lookup is given the upper half of the address. Memory is what
 * it reports itself. */
#include "harness.h"
#include "lpm6.hpp"

static lpm6::Tree tree;

static inline uint32_t lookup(uint64_t address) { return (uint32_t)tree.lookup(address); }
ONE_BY_ONE(one, uint64_t, lookup)
MANY(eight, 8, uint64_t, int, tree.lookup_batch<8>)
MANY(thirty_two, 32, uint64_t, int, tree.lookup_batch<32>)

static void store(void *to, number128 address) { *(uint64_t *)to = (uint64_t)(address >> 64); }

int main(int count, char **arguments)
{
    struct wanted asked = wanted(count, arguments);
    if (!asked.wide) return 0;
    size_t length, longer = 0;
    auto *prefixes = (prefix6 *)records(asked.folder, "v6", "prefixes", sizeof(prefix6), &length);
    std::vector<lpm6::Entry> entries;
    for (size_t i = 0; i < length; i++) {
        longer += prefixes[i].length > 64;
        entries.push_back({(uint64_t)(prefixes[i].first >> 64), (int)prefixes[i].length, (int)prefixes[i].answer});
    }
    if (longer) fprintf(stderr, "planb-lpm leaves out %zu prefixes of more than 64 bits\n", longer);

    double start = now();
    tree.build(entries);
    double elapsed = now() - start;
    size_t bytes = tree.footprint_bytes();
    compile_row("v6", "planb-lpm", elapsed, bytes);
    const subject subjects[] = {
        SUBJECT_ONE_BY_ONE("planb-lpm", one, bytes),
        SUBJECT_MANY("planb-lpm, batches of 8", eight, bytes),
        SUBJECT_MANY("planb-lpm, batches of 32", thirty_two, bytes),
    };
    race(asked.folder, asked.rounds, {"v6", sizeof(uint64_t), store}, subjects, 3);
    return 0;
}
