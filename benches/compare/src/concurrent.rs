//! Works with more than one thread: `decide-beside-events` (events are applied on another thread,
//! 100,000 a second) and `decide-two-readers` (two readers and a writer against one reader).
//!
//! Latencies are taken one by one, with two readings of the clock each; the same loop without a
//! decision in it says what clock, scheduler and machine put in. Pin nothing here: the threads need
//! both processors.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use highwater::engine::Engine;
use highwater::event::Event;
use highwater::request::Request;
use highwater::settings::{EngineSettings, TenantSettings};
use highwater::timestamp::Timestamp;
use highwater::token::VerifiedToken;
use highwater_benches::Random;
use highwater_benches::tenant::{self, NOW, TENANT, Tenant};
use serde_json::json;

use crate::Options;
use crate::report::{HIGHWATER, Report};

/// Events a second.
const RATE: u32 = 100_000;

struct Scene {
    engine: Engine,
    tokens: Vec<VerifiedToken>,
    requests: Vec<Request<'static>>,
    events: Vec<Event>,
}

pub(crate) fn run(
    options: &Options,
    report: &mut Report,
) -> Result<(), Box<dyn std::error::Error>> {
    let (beside, two) = ("decide-beside-events", "decide-two-readers");
    if !options.wants(beside) && !options.wants(two) {
        return Ok(());
    }
    let scene = scene()?;
    let length = Duration::from_millis(if options.quick { 500 } else { 2_000 });
    if options.wants(beside) {
        let idle = scene.alone(length);
        report.add(beside, "highwater, without events", idle, None);
        let time = scene.beside(RATE, || scene.alone(length));
        report.add(beside, HIGHWATER, time, None);
        for (name, decides) in [(HIGHWATER, true), ("floor: an empty loop", false)] {
            let time = scene.beside(RATE, || scene.percentile(length, decides));
            report.add("decide-beside-events-p99.9", name, time, None);
        }
    }
    if options.wants(two) {
        report.add(two, "highwater, one reader", scene.alone(length), None);
        // Per decision of both together: half as long if they do not hinder each other.
        let time = scene.beside(1_000, || {
            let [one, other] = std::thread::scope(|scope| {
                let other = scope.spawn(|| scene.alone(length));
                [scene.alone(length), other.join().unwrap_or(f64::NAN)]
            });
            1.0 / (1.0 / one + 1.0 / other)
        });
        report.add(two, HIGHWATER, time, None);
    }
    Ok(())
}

fn scene() -> Result<Scene, Box<dyn std::error::Error>> {
    let tenant = Tenant::small()?;
    let engine = Engine::new(EngineSettings::default());
    engine.publish(TENANT.parse()?, &tenant.model, TenantSettings::default())?;
    tenant::revoke(&engine, 10_000)?;
    let mut random = Random::new(9);
    let tokens = (0..1_000)
        .map(|number| tenant::token(&engine, TENANT, random.below(20_000), number))
        .collect::<Result<_, _>>()?;
    let now = Timestamp::from_seconds(NOW);
    let requests = (0..1_024)
        .map(|_| Request::new(now, Some(tenant.address(&mut random))))
        .collect();
    // New facts about the same users, each later than the one before.
    let events = (0..200_000)
        .map(|number| {
            Event::from_value(
                &json!({"time": NOW - 86_400 + number / 10_000, "tenant": TENANT,
                "subject": {"user": tenant::user_id(random.below(10_000))}, "effect": "revoke",
                "source": "idp"}),
            )
        })
        .collect::<Result<_, _>>()?;
    Ok(Scene {
        engine,
        tokens,
        requests,
        events,
    })
}

impl Scene {
    #[inline(always)]
    fn decide(&self, number: usize) -> u16 {
        let token = &self.tokens[number % self.tokens.len()];
        let request = &self.requests[number % self.requests.len()];
        self.engine.decide(token, request).status()
    }

    /// Nanoseconds per decision of a thread that does nothing else.
    fn alone(&self, length: Duration) -> f64 {
        let (start, mut number) = (Instant::now(), 0);
        while start.elapsed() < length {
            for _ in 0..1_000 {
                black_box(self.decide(number));
                number += 1;
            }
        }
        start.elapsed().as_nanos() as f64 / number as f64
    }

    /// The time that 999 of 1,000 decisions take at most; of an empty loop unless it `decides`.
    fn percentile(&self, length: Duration, decides: bool) -> f64 {
        let mut times = Vec::with_capacity(1 << 22);
        let start = Instant::now();
        while start.elapsed() < length && times.len() < times.capacity() {
            let before = Instant::now();
            if decides {
                black_box(self.decide(times.len()));
            }
            times.push(before.elapsed().as_nanos() as u32);
        }
        let at = times.len() - 1 - times.len() / 1_000;
        let (_, time, _) = times.select_nth_unstable(at);
        f64::from(*time)
    }

    /// Measures while another thread applies `rate` events a second.
    fn beside(&self, rate: u32, measure: impl FnOnce() -> f64) -> f64 {
        let done = AtomicBool::new(false);
        let applied = AtomicU64::new(0);
        let (time, reached) = std::thread::scope(|scope| {
            scope.spawn(|| {
                let start = Instant::now();
                // In portions of a millisecond, as a stream delivers them.
                let portion = (rate as usize / 1_000).max(1);
                for (number, event) in self.events.iter().cycle().enumerate() {
                    if number % portion == 0 {
                        if done.load(Ordering::Relaxed) {
                            return;
                        }
                        let due = Duration::from_secs(number as u64) / rate;
                        std::thread::sleep(due.saturating_sub(start.elapsed()));
                    }
                    self.engine.apply(event);
                    applied.fetch_add(1, Ordering::Relaxed);
                }
            });
            let start = Instant::now();
            let time = measure();
            let (took, applied) = (start.elapsed(), applied.load(Ordering::Relaxed));
            done.store(true, Ordering::Relaxed);
            (time, applied as f64 / took.as_secs_f64())
        });
        if reached < f64::from(rate) * 0.9 {
            println!("only {reached:.0} of {rate} events a second could be applied meanwhile");
        }
        time
    }
}
