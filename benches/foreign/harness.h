/* What the programs in C and C++ share: reading what `highwater-compare --export` wrote, checking and
 * timing, and rows as `highwater-compare` prints them.
 *
 * Throughput: independent lookups, their answers added up. Latency: each lookup waits for the answer of
 * the one before. Every answer is compared with the exported one first; a subject that differs is still
 * timed, and each of its rows says so. */
#ifndef HARNESS_H
#define HARNESS_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the exported files are read as they are: little-endian"
#endif

typedef unsigned __int128 number128;

struct __attribute__((packed)) prefix4 { uint32_t first, length, answer; };
struct __attribute__((packed)) prefix6 { number128 first; uint32_t length, answer; };
struct __attribute__((packed)) address4 { uint32_t address, answer; };
struct __attribute__((packed)) address6 { number128 address; uint32_t answer; };

/* One way of asking a peer; the addresses are in the form that the peer wants. */
struct subject {
    const char *name;
    size_t bytes;
    void (*answers)(const void *addresses, size_t count, uint32_t *answers);
    uint64_t (*throughput)(const void *addresses, size_t count);
    uint64_t (*latency)(const void *addresses, size_t count); /* NULL: many at once only */
};

/* How a peer wants the addresses of a family ("v4", "v6"). */
struct form {
    const char *family;
    size_t size;
    void (*store)(void *to, number128 address);
};

/* Zero, but only known once `value` is. */
static inline uint32_t dependent_zero(uint32_t value)
{
#ifdef __x86_64__
    __asm__("andl $0, %0" : "+r"(value) : : "cc");
    return value;
#else
    static volatile uint32_t zero;
    return value & zero;
#endif
}

/* Defines the functions of a subject that `lookup(address)` answers, one by one. */
#define ONE_BY_ONE(name, type, lookup)                                                              \
    static void name##_answers(const void *addresses, size_t count, uint32_t *answers)              \
    {                                                                                               \
        const type *all = (const type *)addresses;                                                  \
        for (size_t i = 0; i < count; i++) answers[i] = (uint32_t)(lookup(all[i]));                 \
    }                                                                                               \
    static uint64_t name##_throughput(const void *addresses, size_t count)                          \
    {                                                                                               \
        const type *all = (const type *)addresses;                                                  \
        uint64_t sum = 0;                                                                           \
        for (size_t i = 0; i < count; i++) sum += (uint32_t)(lookup(all[i]));                       \
        return sum;                                                                                 \
    }                                                                                               \
    static uint64_t name##_latency(const void *addresses, size_t count)                             \
    {                                                                                               \
        const type *all = (const type *)addresses;                                                  \
        uint64_t sum = 0;                                                                           \
        size_t zero = 0;                                                                            \
        for (size_t i = 0; i < count; i++) {                                                        \
            uint32_t answer = (uint32_t)(lookup(all[i + zero]));                                    \
            zero = dependent_zero(answer);                                                          \
            sum += answer;                                                                          \
        }                                                                                           \
        return sum;                                                                                 \
    }

/* Defines the functions of a subject that `lookup(addresses, answers)` answers, `width` at a time; the
 * number of addresses is a multiple of it. */
#define MANY(name, width, type, answer_type, lookup)                                                \
    static void name##_answers(const void *addresses, size_t count, uint32_t *answers)              \
    {                                                                                               \
        const type *all = (const type *)addresses;                                                  \
        answer_type some[width];                                                                    \
        for (size_t i = 0; i < count; i += width) {                                                 \
            lookup(all + i, some);                                                                  \
            for (size_t j = 0; j < width; j++) answers[i + j] = (uint32_t)some[j];                  \
        }                                                                                           \
    }                                                                                               \
    static uint64_t name##_throughput(const void *addresses, size_t count)                          \
    {                                                                                               \
        const type *all = (const type *)addresses;                                                  \
        answer_type some[width];                                                                    \
        uint64_t sum = 0;                                                                           \
        for (size_t i = 0; i < count; i += width) {                                                 \
            lookup(all + i, some);                                                                  \
            for (size_t j = 0; j < width; j++) sum += (uint32_t)some[j];                            \
        }                                                                                           \
        return sum;                                                                                 \
    }

#define SUBJECT_ONE_BY_ONE(text, name, bytes) \
    { text, bytes, name##_answers, name##_throughput, name##_latency }
#define SUBJECT_MANY(text, name, bytes) \
    { text, bytes, name##_answers, name##_throughput, NULL }

static inline void fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    exit(1);
}

static inline double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* The memory of this process that is in use. */
static inline size_t resident(void)
{
    size_t all = 0, pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%zu %zu", &all, &pages) != 2) fail("/proc/self/statm cannot be read");
    fclose(file);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* All records of FOLDER/FAMILY-NAME. */
static inline void *records(const char *folder, const char *family, const char *name, size_t size,
                            size_t *count)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s-%s", folder, family, name);
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0) fail(path);
    *count = (size_t)ftell(file) / size;
    rewind(file);
    void *all = malloc(*count * size);
    if (!all || *count == 0 || fread(all, size, *count, file) != *count) fail(path);
    fclose(file);
    return all;
}

static inline void row(const char *work, const char *subject, double nanoseconds, size_t bytes,
                       size_t differing, size_t count)
{
    printf("%-34s %-34s %12.1f %8s %10.2f", work, subject, nanoseconds, "", (double)bytes / (1 << 20));
    if (differing) printf("  differs: %zu of %zu", differing, count);
    printf("\n");
    fflush(stdout);
}

static inline void compile_row(const char *family, const char *subject, double nanoseconds, size_t bytes)
{
    char work[64];
    snprintf(work, sizeof work, "location-%s-compile", family);
    row(work, subject, nanoseconds, bytes, 0, 0);
}

static int ascending(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

#define MOST_ROUNDS 101
#define MOST_SUBJECTS 4

/* Checks and times all subjects on all mixes; they take turns within a round. */
static inline void race(const char *folder, int rounds, struct form form, const struct subject *subjects,
                        size_t subject_count)
{
    static const char *const mixes[] = {"", "-uniform", "-zipf", "-hot"};
    for (size_t mix = 0; mix < sizeof mixes / sizeof *mixes; mix++) {
        char name[64];
        size_t count;
        int wide = strcmp(form.family, "v6") == 0;
        size_t size = wide ? sizeof(struct address6) : sizeof(struct address4);
        snprintf(name, sizeof name, "addresses%s", mixes[mix]);
        char *exported = (char *)records(folder, form.family, name, size, &count);
        if (count % 32) fail("the number of addresses is no multiple of 32");
        char *addresses = (char *)aligned_alloc(64, (count * form.size + 63) / 64 * 64);
        uint32_t *answers = (uint32_t *)malloc(count * sizeof *answers);
        if (!addresses || !answers) fail("no memory");
        for (size_t i = 0; i < count; i++) {
            const char *record = exported + i * size;
            number128 address = wide ? ((const struct address6 *)record)->address
                                     : ((const struct address4 *)record)->address;
            form.store(addresses + i * form.size, address);
        }
        size_t differing[MOST_SUBJECTS] = {0};
        uint64_t sums[MOST_SUBJECTS] = {0};
        for (size_t s = 0; s < subject_count; s++) {
            subjects[s].answers(addresses, count, answers);
            for (size_t i = 0; i < count; i++) {
                uint32_t expected;
                memcpy(&expected, exported + (i + 1) * size - sizeof expected, sizeof expected);
                differing[s] += answers[i] != expected;
                sums[s] += answers[i];
            }
        }
        for (int latency = 0; latency <= 1; latency++) {
            double times[MOST_SUBJECTS][MOST_ROUNDS];
            /* The first round warms up. */
            for (int round = -1; round < rounds; round++) {
                for (size_t s = 0; s < subject_count; s++) {
                    uint64_t (*run)(const void *, size_t) =
                        latency ? subjects[s].latency : subjects[s].throughput;
                    if (!run) continue;
                    double start = now();
                    uint64_t sum = run(addresses, count);
                    double elapsed = now() - start;
                    if (sum != sums[s]) fail("the sum of the timed answers is not that of the checked ones");
                    if (round >= 0) times[s][round] = elapsed / (double)count;
                }
            }
            char work[64];
            snprintf(work, sizeof work, "location-%s-%s%s", form.family, latency ? "latency" : "throughput",
                     mixes[mix]);
            for (size_t s = 0; s < subject_count; s++) {
                if (latency && !subjects[s].latency) continue;
                qsort(times[s], (size_t)rounds, sizeof(double), ascending);
                row(work, subjects[s].name, times[s][rounds / 2], subjects[s].bytes, differing[s], count);
            }
        }
        free(answers);
        free(addresses);
        free(exported);
    }
}

/* What the command line asks for: PROGRAM FOLDER FAMILY [ROUNDS]. */
struct wanted {
    const char *folder;
    int wide; /* IPv6 */
    int rounds;
};

static inline struct wanted wanted(int count, char **arguments)
{
    struct wanted wanted = {NULL, 0, 7};
    if (count == 4) wanted.rounds = atoi(arguments[3]);
    if (count < 3 || count > 4 || wanted.rounds < 1 || wanted.rounds > MOST_ROUNDS) {
        fprintf(stderr, "usage: %s FOLDER v4|v6 [ROUNDS]\n", arguments[0]);
        exit(2);
    }
    wanted.folder = arguments[1];
    wanted.wide = strcmp(arguments[2], "v6") == 0;
    return wanted;
}

#endif
