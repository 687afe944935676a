//! Works about many tenants: `decide-10k-tenants` (a request of a random tenant) and `snapshot-swap`
//! (publishing one of them anew).
//!
//! 100 policies and 20 ranges each. With `--quick` a thousand tenants stand for ten thousand, and
//! the works say so by their names.

use std::rc::Rc;
use std::time::Instant;

use highwater::decision::Decision;
use highwater::engine::Engine;
use highwater::request::Request;
use highwater::settings::{EngineSettings, TenantSettings};
use highwater::timestamp::Timestamp;
use highwater::token::VerifiedToken;
use highwater_benches::Random;
use highwater_benches::tenant::{self, NOW, Tenant};

use crate::Options;
use crate::measure::{Mode, Subject, check, median, medians};
use crate::report::{HIGHWATER, Report};

const BATCH: usize = 32;

pub(crate) fn run(
    options: &Options,
    report: &mut Report,
) -> Result<(), Box<dyn std::error::Error>> {
    let (name, count) = if options.quick {
        ("1k", 1_000)
    } else {
        ("10k", 10_000)
    };
    let (decide, swap) = (
        format!("decide-{name}-tenants"),
        format!("snapshot-swap-{name}-tenants"),
    );
    if !options.wants(&decide) && !options.wants("snapshot-swap") {
        return Ok(());
    }
    let tenant = Tenant::of(100, 20)?;
    let engine = Engine::new(EngineSettings::default());
    let ids: Vec<String> = (0..count)
        .map(|number| format!("10000000-0000-4000-8000-{number:012x}"))
        .collect();
    // How long a publication takes, first among few tenants, then among all.
    let mut times = Vec::with_capacity(count);
    for id in &ids {
        let start = Instant::now();
        engine.publish(id.parse()?, &tenant.model, TenantSettings::default())?;
        times.push(start.elapsed().as_nanos() as f64);
    }
    let few = median(times[..100].to_vec()).unwrap_or_default();
    let all = median(times[count - 100..].to_vec()).unwrap_or_default();
    report.add(&swap, HIGHWATER, all, None);
    report.add(&swap, "highwater, among 100 tenants", few, None);
    if !options.wants(&decide) {
        return Ok(());
    }
    let mut random = Random::new(5);
    let tokens = ids
        .iter()
        .enumerate()
        .map(|(number, id)| tenant::token(&engine, id, number, number))
        .collect::<Result<Vec<VerifiedToken>, _>>()?;
    let addresses: Vec<_> = (0..1_024).map(|_| tenant.address(&mut random)).collect();
    let inputs: Vec<(u32, u32)> = (0..100_000)
        .map(|_| (random.below(count) as u32, random.below(1_024) as u32))
        .collect();
    let scene = Rc::new((engine, tokens, addresses));
    let batch = scene.clone();
    let subjects = [
        Subject::single(HIGHWATER, None, move |&(token, address): &(u32, u32)| {
            let (engine, tokens, addresses) = &*scene;
            let address = addresses[address as usize];
            let request = Request::new(Timestamp::from_seconds(NOW), Some(address));
            let decision = engine.decide(&tokens[token as usize], &request);
            u32::from(decision.status())
        }),
        Subject::batch("highwater, batch", None, move |inputs: &[(u32, u32)]| {
            let (engine, tokens, addresses) = &*batch;
            let mut decisions = [Decision::UNDECIDED; BATCH];
            let mut sum = 0;
            for inputs in inputs.chunks(BATCH) {
                let requests: Vec<_> = inputs
                    .iter()
                    .map(|&(token, address)| {
                        let address = Some(addresses[address as usize]);
                        let request = Request::new(Timestamp::from_seconds(NOW), address);
                        (&tokens[token as usize], request)
                    })
                    .collect();
                let decisions = &mut decisions[..inputs.len()];
                engine.decide_batch(&requests, decisions);
                let statuses = decisions
                    .iter()
                    .map(|decision| u64::from(decision.status()));
                sum += statuses.sum::<u64>();
            }
            sum
        }),
    ];
    check(&subjects, &inputs[..20_000])?;
    for (mode, suffix) in [(Mode::Latency, ""), (Mode::Throughput, "-throughput")] {
        let times = medians(&subjects, &inputs, mode, options.rounds());
        for (subject, time) in subjects.iter().zip(times) {
            let Some(time) = time else { continue };
            if subject.name.ends_with("batch") {
                report.add(&format!("{decide}-batch"), HIGHWATER, time, None);
            } else {
                report.add(&format!("{decide}{suffix}"), subject.name, time, None);
            }
        }
    }
    Ok(())
}
