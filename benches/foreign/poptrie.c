/* C Poptrie (github.com/pixos/poptrie): poptrie FOLDER v4|v6 [ROUNDS]
 *
 * A next hop is a pointer there, and the numbers of at most 65,534 different ones fit its leaves; the
 * answer itself serves as the pointer. Memory is the growth of the process: the trie, and the binary tree
 * of all prefixes that it is changed by. */
#include "harness.h"
#include "poptrie.h"

/* Two to the power of these: room for inner nodes and leaves. */
#define NODES 20
#define LEAVES 23
/* Room for different next hops. */
#define NEXT_HOPS 65534

static struct poptrie *trie;

static inline uint32_t lookup4(uint32_t address) { return (uint32_t)(uintptr_t)poptrie_lookup(trie, address); }
static inline uint32_t lookup6(number128 address) { return (uint32_t)(uintptr_t)poptrie6_lookup(trie, address); }
ONE_BY_ONE(v4, uint32_t, lookup4)
ONE_BY_ONE(v6, number128, lookup6)

static void store4(void *to, number128 address) { *(uint32_t *)to = (uint32_t)address; }
static void store6(void *to, number128 address) { *(number128 *)to = address; }

/* An empty trie. Its own array of next hops has room for 4,096, fewer than there are answers. */
static struct poptrie *create(void)
{
    struct poptrie *created = poptrie_init(NULL, NODES, LEAVES);
    if (!created) fail("poptrie_init fails");
    struct poptrie_fib_entry *entries =
        (struct poptrie_fib_entry *)calloc(NEXT_HOPS, sizeof *entries);
    if (!entries) fail("no memory");
    memcpy(entries, created->fib.entries, (size_t)created->fib.sz * sizeof *entries);
    free(created->fib.entries);
    created->fib.entries = entries;
    created->fib.sz = NEXT_HOPS;
    return created;
}

static void race4(struct wanted wanted)
{
    size_t length;
    struct prefix4 *prefixes =
        (struct prefix4 *)records(wanted.folder, "v4", "prefixes", sizeof *prefixes, &length);
    size_t before = resident();
    double start = now();
    trie = create();
    for (size_t i = 0; i < length; i++) {
        void *answer = (void *)(uintptr_t)prefixes[i].answer;
        if (poptrie_route_add(trie, prefixes[i].first, (int)prefixes[i].length, answer) < 0)
            fail("poptrie_route_add refuses a prefix");
    }
    double elapsed = now() - start;
    size_t bytes = resident() - before;
    compile_row("v4", "C Poptrie", elapsed, bytes);
    struct subject subject = SUBJECT_ONE_BY_ONE("C Poptrie", v4, bytes);
    race(wanted.folder, wanted.rounds, (struct form){"v4", sizeof(uint32_t), store4}, &subject, 1);
}

static void race6(struct wanted wanted)
{
    size_t length;
    struct prefix6 *prefixes =
        (struct prefix6 *)records(wanted.folder, "v6", "prefixes", sizeof *prefixes, &length);
    size_t before = resident();
    double start = now();
    trie = create();
    for (size_t i = 0; i < length; i++) {
        void *answer = (void *)(uintptr_t)prefixes[i].answer;
        if (poptrie6_route_add(trie, prefixes[i].first, (int)prefixes[i].length, answer) < 0)
            fail("poptrie6_route_add refuses a prefix");
    }
    double elapsed = now() - start;
    size_t bytes = resident() - before;
    compile_row("v6", "C Poptrie", elapsed, bytes);
    struct subject subject = SUBJECT_ONE_BY_ONE("C Poptrie", v6, bytes);
    race(wanted.folder, wanted.rounds, (struct form){"v6", sizeof(number128), store6}, &subject, 1);
}

int main(int count, char **arguments)
{
    struct wanted asked = wanted(count, arguments);
    if (asked.wide) race6(asked);
    else race4(asked);
    return 0;
}
