//! The rule of the comparison, asked of general policy engines and of Highwater.
//!
//! *Allow if the token was issued after its user was last revoked, and the address is in one of N
//! ranges.* 1,000 users, half of the addresses inside. Every engine has the policy prepared as well
//! as it allows: parsed, compiled, requests built beforehand. All must give the same answers before
//! anything is timed. One JSON object a line goes to standard output, as `highwater-compare` writes
//! them, which runs this program and prints the rows among its own:
//!
//! ```text
//! cargo run --release --manifest-path benches/policy-engines/Cargo.toml
//! ```

mod casbin;
mod cedar;
mod highwater;
mod rego;

use std::error::Error;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use serde_json::json;

/// The present, in seconds.
const NOW: i64 = 1_763_760_000;

/// When every token was issued.
const ISSUED: i64 = NOW - 600;

const USERS: usize = 1_000;

/// How many requests there are.
const REQUESTS: usize = 256;

/// What a question is about.
#[derive(Clone, Copy, Debug)]
struct Question {
    user: usize,
    address: IpAddr,
}

/// Up to when a user's tokens are revoked: one in ten was revoked since the tokens were issued.
const fn revoked_before(user: usize) -> i64 {
    if user.is_multiple_of(10) {
        NOW - 60
    } else {
        NOW - 86_400
    }
}

/// The `number`th of the ranges: a network of 24 bits.
fn range(number: usize) -> String {
    format!("10.{}.{}.0/24", number / 16, number % 16 * 16)
}

/// Answers the `index`th question.
type Subject<'a> = (&'static str, Box<dyn FnMut(usize) -> bool + 'a>);

fn main() -> ExitCode {
    for ranges in [10, 100, 1_000] {
        if let Err(error) = compare(ranges) {
            eprintln!("highwater-policy-engines: {ranges} ranges: {error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn compare(ranges: usize) -> Result<(), Box<dyn Error>> {
    let questions: Vec<Question> = (0..REQUESTS).map(|index| question(index, ranges)).collect();
    let mut subjects: Vec<Subject<'_>> = vec![
        (
            "highwater",
            Box::new(highwater::prepare(ranges, &questions)?),
        ),
        (
            "cedar-policy",
            Box::new(cedar::prepare(ranges, &questions)?),
        ),
        (
            "regorus, bytecode",
            Box::new(rego::prepare(ranges, &questions)?),
        ),
        ("casbin", Box::new(casbin::prepare(ranges, &questions)?)),
    ];
    let mut allowed = 0;
    for (index, question) in questions.iter().enumerate() {
        let expected = (subjects[0].1)(index);
        allowed += usize::from(expected);
        for (name, answer) in &mut subjects[1..] {
            if answer(index) != expected {
                return Err(format!("{name} and highwater disagree about {question:?}").into());
            }
        }
    }
    if !(REQUESTS / 3..REQUESTS * 2 / 3).contains(&allowed) {
        return Err(format!("{allowed} of {REQUESTS} requests are allowed: no fair mix").into());
    }
    let times: Vec<f64> = subjects
        .iter_mut()
        .map(|(_, answer)| nanoseconds(answer))
        .collect();
    for ((name, _), time) in subjects.iter().zip(&times) {
        let row = json!({
            "work": format!("policy-{ranges}"),
            "subject": name,
            "ns": time,
            "ratio_to_highwater": time / times[0],
            "bytes": null,
        });
        println!("{row}");
    }
    Ok(())
}

/// A user, and an address that every other time is in one of the ranges.
fn question(index: usize, ranges: usize) -> Question {
    // An odd multiplier spreads the numbers over users and ranges.
    let spread = index.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16;
    let inside = spread % ranges;
    let address = if index.is_multiple_of(2) {
        Ipv4Addr::new(10, (inside / 16) as u8, (inside % 16 * 16) as u8, 7)
    } else {
        Ipv4Addr::new(203, 0, (spread % 200) as u8, 7)
    };
    Question {
        // Not in step with the addresses.
        user: (index / 2 * 7 + 1) % USERS,
        address: address.into(),
    }
}

/// Median time of an answer over rounds of at least 20 milliseconds each.
fn nanoseconds(answer: &mut dyn FnMut(usize) -> bool) -> f64 {
    let mut rounds: Vec<f64> = (0..5)
        .map(|_| {
            let (start, mut asked) = (Instant::now(), 0_u32);
            while start.elapsed() < Duration::from_millis(20) {
                for index in 0..REQUESTS {
                    black_box(answer(black_box(index)));
                }
                asked += REQUESTS as u32;
            }
            start.elapsed().as_nanos() as f64 / f64::from(asked)
        })
        .collect();
    rounds.sort_unstable_by(f64::total_cmp);
    rounds[rounds.len() / 2]
}
