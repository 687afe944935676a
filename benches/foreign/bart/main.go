// Go bart (github.com/gaissmai/bart): bart FOLDER v4|v6 [ROUNDS]
//
// What harness.h is for C: reads what `highwater-compare --export` wrote, compares every answer, times
// throughput and latency, and prints rows as `highwater-compare` does. Memory is the growth of the heap.
package main

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"time"

	"github.com/gaissmai/bart"
)

// table is what both tables of bart have in common.
type table interface {
	Insert(netip.Prefix, uint32)
}

// subject is one of them, with loops of its own: a call through an interface would take its time too.
type subject struct {
	name                string
	table               table
	throughput, latency func([]netip.Addr) uint64
	bytes               uint64
}

// zero is never written; the compiler does not know.
var zero int

func subjects() []*subject {
	plain, fast := new(bart.Table[uint32]), new(bart.Fast[uint32])
	return []*subject{
		{
			name:  "Go bart.Table",
			table: plain,
			throughput: func(addresses []netip.Addr) (sum uint64) {
				for _, address := range addresses {
					answer, _ := plain.Lookup(address)
					sum += uint64(answer)
				}
				return sum
			},
			latency: func(addresses []netip.Addr) (sum uint64) {
				dependent := 0
				for position := range addresses {
					answer, _ := plain.Lookup(addresses[position+dependent])
					dependent = int(answer) & zero
					sum += uint64(answer)
				}
				return sum
			},
		},
		{
			name:  "Go bart.Fast",
			table: fast,
			throughput: func(addresses []netip.Addr) (sum uint64) {
				for _, address := range addresses {
					answer, _ := fast.Lookup(address)
					sum += uint64(answer)
				}
				return sum
			},
			latency: func(addresses []netip.Addr) (sum uint64) {
				dependent := 0
				for position := range addresses {
					answer, _ := fast.Lookup(addresses[position+dependent])
					dependent = int(answer) & zero
					sum += uint64(answer)
				}
				return sum
			},
		},
	}
}

func main() {
	rounds := 7
	if len(os.Args) == 4 {
		rounds, _ = strconv.Atoi(os.Args[3])
	}
	if len(os.Args) < 3 || len(os.Args) > 4 || rounds < 1 {
		fmt.Fprintf(os.Stderr, "usage: %s FOLDER v4|v6 [ROUNDS]\n", os.Args[0])
		os.Exit(2)
	}
	if err := race(os.Args[1], os.Args[2], rounds); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// race builds the tables of a family and times them on all mixes; they take turns within a round.
func race(folder, family string, rounds int) error {
	prefixes, values, err := prefixes(folder, family)
	if err != nil {
		return err
	}
	subjects := subjects()
	for _, subject := range subjects {
		before := heap()
		start := time.Now()
		for position, prefix := range prefixes {
			subject.table.Insert(prefix, values[position])
		}
		elapsed := time.Since(start)
		subject.bytes = heap() - before
		row("location-"+family+"-compile", subject.name, float64(elapsed.Nanoseconds()), subject.bytes, 0, 0)
	}
	for _, mix := range []string{"", "-uniform", "-zipf", "-hot"} {
		addresses, answers, err := addresses(folder, family, mix)
		if err != nil {
			return err
		}
		differing := make([]int, len(subjects))
		sums := make([]uint64, len(subjects))
		for number, subject := range subjects {
			for position, answer := range answers {
				found := subject.throughput(addresses[position : position+1])
				sums[number] += found
				if found != uint64(answer) {
					differing[number]++
				}
			}
		}
		for _, mode := range []string{"throughput", "latency"} {
			times := make([][]float64, len(subjects))
			runtime.GC()
			debug.SetGCPercent(-1)
			// The first round warms up.
			for round := -1; round < rounds; round++ {
				for number, subject := range subjects {
					run := subject.throughput
					if mode == "latency" {
						run = subject.latency
					}
					start := time.Now()
					sum := run(addresses)
					elapsed := time.Since(start)
					if sum != sums[number] {
						return fmt.Errorf("%s: the sum of the timed answers is not that of the checked ones", subject.name)
					}
					if round >= 0 {
						times[number] = append(times[number], float64(elapsed.Nanoseconds())/float64(len(addresses)))
					}
				}
			}
			debug.SetGCPercent(100)
			for number, subject := range subjects {
				slices.Sort(times[number])
				work := "location-" + family + "-" + mode + mix
				row(work, subject.name, times[number][rounds/2], subject.bytes, differing[number], len(addresses))
			}
		}
	}
	return nil
}

func row(work, subject string, nanoseconds float64, bytes uint64, differing, count int) {
	fmt.Printf("%-34s %-34s %12.1f %8s %10.2f", work, subject, nanoseconds, "", float64(bytes)/(1<<20))
	if differing > 0 {
		fmt.Printf("  differs: %d of %d", differing, count)
	}
	fmt.Println()
}

// heap is how much of it is in use.
func heap() uint64 {
	runtime.GC()
	var statistics runtime.MemStats
	runtime.ReadMemStats(&statistics)
	return statistics.HeapAlloc
}

// address takes the first address of a record, a little-endian number, and returns the rest as well.
func address(record []byte, family string) (netip.Addr, []byte) {
	if family == "v4" {
		first := [4]byte(record)
		slices.Reverse(first[:])
		return netip.AddrFrom4(first), record[4:]
	}
	first := [16]byte(record)
	slices.Reverse(first[:])
	return netip.AddrFrom16(first), record[16:]
}

func prefixes(folder, family string) (prefixes []netip.Prefix, values []uint32, err error) {
	rest, err := os.ReadFile(filepath.Join(folder, family+"-prefixes"))
	for len(rest) > 0 {
		var first netip.Addr
		first, rest = address(rest, family)
		length := binary.LittleEndian.Uint32(rest)
		prefixes = append(prefixes, netip.PrefixFrom(first, int(length)))
		values = append(values, binary.LittleEndian.Uint32(rest[4:]))
		rest = rest[8:]
	}
	return prefixes, values, err
}

func addresses(folder, family, mix string) (addresses []netip.Addr, answers []uint32, err error) {
	rest, err := os.ReadFile(filepath.Join(folder, family+"-addresses"+mix))
	for len(rest) > 0 {
		var one netip.Addr
		one, rest = address(rest, family)
		addresses = append(addresses, one)
		answers = append(answers, binary.LittleEndian.Uint32(rest))
		rest = rest[4:]
	}
	return addresses, answers, err
}
