/* DPDK's FIB libraries (librte_fib): dpdk FOLDER v4|v6 [ROUNDS]
 *
 * IPv4: DIR24-8 with next hops of 2 bytes (up to 32,767) and of 4; IPv6: the trie with 4. Asked by one
 * call per address, by 32 with scalar instructions, and by 32 with AVX-512 where it is offered. Its
 * tables come from a heap of ours in huge pages, so that it needs no set-up by root. Memory is what
 * is allocated there: the tables as configured, and the tree of prefixes that they are changed by. */
#include <sys/mman.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_fib.h>
#include <rte_fib6.h>
#include <rte_malloc.h>

#include "harness.h"

#define HUGE_PAGE ((size_t)2 << 20)
/* DPDK clears all of it. */
#define HEAP ((size_t)1 << 30)

struct address_bytes { uint8_t bytes[16]; };

static struct rte_fib *fib4;
static struct rte_fib6 *fib6;
static enum rte_fib_lookup_type type4 = RTE_FIB_LOOKUP_DEFAULT;
static enum rte_fib6_lookup_type type6 = RTE_FIB6_LOOKUP_DEFAULT;

/* Subjects take turns; each has its own way of looking up. */
static inline void select4(enum rte_fib_lookup_type type)
{
    if (type != type4 && rte_fib_select_lookup(fib4, type) != 0) fail("this lookup is not offered");
    type4 = type;
}
static inline void select6(enum rte_fib6_lookup_type type)
{
    if (type != type6 && rte_fib6_select_lookup(fib6, type) != 0) fail("this lookup is not offered");
    type6 = type;
}

static inline uint32_t single4(uint32_t address)
{
    uint64_t answer = 0;
    select4(RTE_FIB_LOOKUP_DIR24_8_SCALAR_INLINE);
    rte_fib_lookup_bulk(fib4, &address, &answer, 1);
    return (uint32_t)answer;
}
static inline void scalar4(const uint32_t *addresses, uint64_t *answers)
{
    select4(RTE_FIB_LOOKUP_DIR24_8_SCALAR_INLINE);
    rte_fib_lookup_bulk(fib4, (uint32_t *)addresses, answers, 32);
}
static inline void vector4(const uint32_t *addresses, uint64_t *answers)
{
    select4(RTE_FIB_LOOKUP_DIR24_8_VECTOR_AVX512);
    rte_fib_lookup_bulk(fib4, (uint32_t *)addresses, answers, 32);
}
static inline uint32_t single6(struct address_bytes address)
{
    uint64_t answer = 0;
    select6(RTE_FIB6_LOOKUP_TRIE_SCALAR);
    rte_fib6_lookup_bulk(fib6, &address.bytes, &answer, 1);
    return (uint32_t)answer;
}
static inline void scalar6(const struct address_bytes *addresses, uint64_t *answers)
{
    select6(RTE_FIB6_LOOKUP_TRIE_SCALAR);
    rte_fib6_lookup_bulk(fib6, (uint8_t(*)[16])addresses, answers, 32);
}
static inline void vector6(const struct address_bytes *addresses, uint64_t *answers)
{
    select6(RTE_FIB6_LOOKUP_TRIE_VECTOR_AVX512);
    rte_fib6_lookup_bulk(fib6, (uint8_t(*)[16])addresses, answers, 32);
}
ONE_BY_ONE(single4, uint32_t, single4)
MANY(scalar4, 32, uint32_t, uint64_t, scalar4)
MANY(vector4, 32, uint32_t, uint64_t, vector4)
ONE_BY_ONE(single6, struct address_bytes, single6)
MANY(scalar6, 32, struct address_bytes, uint64_t, scalar6)
MANY(vector6, 32, struct address_bytes, uint64_t, vector6)

static void store4(void *to, number128 address) { *(uint32_t *)to = (uint32_t)address; }
static void store6(void *to, number128 address)
{
    uint8_t *bytes = (uint8_t *)to;
    for (int i = 15; i >= 0; i--, address >>= 8) bytes[i] = (uint8_t)address;
}

/* The number by which DPDK knows a heap in huge pages. */
static int heap(void)
{
    char *memory = (char *)mmap(NULL, HEAP + HUGE_PAGE, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) fail("no memory");
    memory += HUGE_PAGE - (uintptr_t)memory % HUGE_PAGE;
    madvise(memory, HEAP, MADV_HUGEPAGE);
    if (rte_malloc_heap_create("tables") != 0 ||
        rte_malloc_heap_memory_add("tables", memory, HEAP, NULL, HEAP / HUGE_PAGE, HUGE_PAGE) != 0)
        fail(rte_strerror(rte_errno));
    return rte_malloc_heap_get_socket("tables");
}

static size_t allocated(int socket)
{
    struct rte_malloc_socket_stats statistics;
    if (rte_malloc_get_socket_stats(socket, &statistics) != 0) fail("the heap has no statistics");
    return statistics.heap_allocsz_bytes;
}

/* Whether all prefixes fit with room for `groups` groups of 256 longer ones. */
static int fill4(int socket, enum rte_fib_dir24_8_nh_sz size, uint32_t groups,
                 const struct prefix4 *prefixes, size_t length)
{
    struct rte_fib_conf conf = {.type = RTE_FIB_DIR24_8, .default_nh = 0, .max_routes = (int)length + 1,
                                .dir24_8 = {.nh_sz = size, .num_tbl8 = groups}};
    fib4 = rte_fib_create("v4", socket, &conf);
    if (!fib4) fail(rte_strerror(rte_errno));
    for (size_t i = 0; i < length; i++)
        if (rte_fib_add(fib4, prefixes[i].first, (uint8_t)prefixes[i].length, prefixes[i].answer) != 0) {
            rte_fib_free(fib4);
            return 0;
        }
    return 1;
}

static int fill6(int socket, uint32_t groups, const struct prefix6 *prefixes, size_t length)
{
    struct rte_fib6_conf conf = {.type = RTE_FIB6_TRIE, .default_nh = 0, .max_routes = (int)length + 1,
                                 .trie = {.nh_sz = RTE_FIB6_TRIE_4B, .num_tbl8 = groups}};
    fib6 = rte_fib6_create("v6", socket, &conf);
    if (!fib6) fail(rte_strerror(rte_errno));
    for (size_t i = 0; i < length; i++) {
        uint8_t first[16];
        store6(first, prefixes[i].first);
        if (rte_fib6_add(fib6, first, (uint8_t)prefixes[i].length, prefixes[i].answer) != 0) {
            rte_fib6_free(fib6);
            return 0;
        }
    }
    return 1;
}

static void dir24_8(const char *folder, int rounds, int socket, enum rte_fib_dir24_8_nh_sz size,
                    const char *const names[4])
{
    size_t length;
    struct prefix4 *prefixes = (struct prefix4 *)records(folder, "v4", "prefixes", sizeof *prefixes, &length);
    for (size_t i = 0; size == RTE_FIB_DIR24_8_2B && i < length; i++)
        if (prefixes[i].answer > 0x7fff) {
            fprintf(stderr, "%s left out: an answer does not fit 15 bits\n", names[0]);
            free(prefixes);
            return;
        }
    size_t before = allocated(socket);
    double start;
    uint32_t groups = 64;
    do start = now(), groups += groups / 4;
    while (!fill4(socket, size, groups, prefixes, length));
    double elapsed = now() - start;
    size_t bytes = allocated(socket) - before;
    compile_row("v4", names[0], elapsed, bytes);
    type4 = RTE_FIB_LOOKUP_DEFAULT;
    int vector = rte_fib_select_lookup(fib4, RTE_FIB_LOOKUP_DIR24_8_VECTOR_AVX512) == 0;
    if (!vector) fprintf(stderr, "%s: AVX-512 is not offered\n", names[0]);
    const struct subject subjects[] = {
        SUBJECT_ONE_BY_ONE(names[1], single4, bytes),
        SUBJECT_MANY(names[2], scalar4, bytes),
        SUBJECT_MANY(names[3], vector4, bytes),
    };
    race(folder, rounds, (struct form){"v4", sizeof(uint32_t), store4}, subjects, 2 + (size_t)vector);
    rte_fib_free(fib4);
    free(prefixes);
}

static void trie(const char *folder, int rounds, int socket)
{
    size_t length;
    struct prefix6 *prefixes = (struct prefix6 *)records(folder, "v6", "prefixes", sizeof *prefixes, &length);
    size_t before = allocated(socket);
    double start;
    uint32_t groups = 1 << 16;
    do start = now(), groups += groups / 4;
    while (!fill6(socket, groups, prefixes, length));
    double elapsed = now() - start;
    size_t bytes = allocated(socket) - before;
    compile_row("v6", "DPDK trie, 4 bytes", elapsed, bytes);
    type6 = RTE_FIB6_LOOKUP_DEFAULT;
    int vector = rte_fib6_select_lookup(fib6, RTE_FIB6_LOOKUP_TRIE_VECTOR_AVX512) == 0;
    if (!vector) fprintf(stderr, "DPDK trie: AVX-512 is not offered\n");
    const struct subject subjects[] = {
        SUBJECT_ONE_BY_ONE("DPDK trie, one by one", single6, bytes),
        SUBJECT_MANY("DPDK trie, 32 scalar", scalar6, bytes),
        SUBJECT_MANY("DPDK trie, 32 AVX-512", vector6, bytes),
    };
    race(folder, rounds, (struct form){"v6", sizeof(struct address_bytes), store6}, subjects, 2 + (size_t)vector);
    rte_fib6_free(fib6);
    free(prefixes);
}

int main(int count, char **arguments)
{
    struct wanted asked = wanted(count, arguments);
    char *environment[] = {arguments[0], "--no-huge", "--no-pci", "--no-shconf", "--no-telemetry",
                           "--log-level=error", "--force-max-simd-bitwidth=512"};
    if (rte_eal_init(sizeof environment / sizeof *environment, environment) < 0) fail(rte_strerror(rte_errno));
    int socket = heap();
    static const char *const two[] = {"DPDK DIR24-8, 2 bytes", "DPDK DIR24-8 2 B, one by one",
                                      "DPDK DIR24-8 2 B, 32 scalar", "DPDK DIR24-8 2 B, 32 AVX-512"};
    static const char *const four[] = {"DPDK DIR24-8, 4 bytes", "DPDK DIR24-8 4 B, one by one",
                                       "DPDK DIR24-8 4 B, 32 scalar", "DPDK DIR24-8 4 B, 32 AVX-512"};
    if (asked.wide) {
        trie(asked.folder, asked.rounds, socket);
    } else {
        dir24_8(asked.folder, asked.rounds, socket, RTE_FIB_DIR24_8_2B, two);
        dir24_8(asked.folder, asked.rounds, socket, RTE_FIB_DIR24_8_4B, four);
    }
    return 0;
}
