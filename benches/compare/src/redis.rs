//! Work `revocation-check`: is this user revoked since the token was issued? Asked of a revocation
//! list in Redis over loopback, as many services do, and of the marks.
//!
//! One `GET` of the user's watermark per request, over one connection without delay: the least that
//! such a check does. Ours is the same question asked of the marks; a row of its own is the whole
//! decision, which asks far more. `revocation-check-batch` is both at their best: 32 `GET`s are sent
//! before the first answer is read, and 32 keys are looked up together. The server is started here on
//! a free port, keeps nothing, and is ended by its process.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use highwater::engine::Engine;
use highwater::event::{Dimension, DimensionSet};
use highwater::marks::MarkKey;
use highwater::request::Request;
use highwater::settings::{EngineSettings, TenantSettings};
use highwater::timestamp::Timestamp;
use highwater::token::VerifiedToken;
use highwater_benches::tenant::{self, NOW, TENANT, Tenant};

use crate::Options;
use crate::measure::median;
use crate::report::{HIGHWATER, Report};

const USERS: usize = 1_000;

/// Questions that are asked together in a batch.
const BATCH: usize = 32;

const WORK: &str = "revocation-check";

pub(crate) fn run(
    options: &Options,
    report: &mut Report,
) -> Result<(), Box<dyn std::error::Error>> {
    if !options.wants(WORK) {
        return Ok(());
    }
    let Some(server) = Server::start()? else {
        println!("{WORK}: Redis is not measured, because there is no `redis-server` here");
        return Ok(());
    };
    let mut list = server.connect()?;
    let tenant = Tenant::small()?;
    let engine = Engine::new(EngineSettings::default());
    engine.publish(TENANT.parse()?, &tenant.model, TenantSettings::default())?;
    tenant::revoke(&engine, USERS)?;
    let mut tokens = Vec::new();
    for user in 0..USERS {
        list.set(user, tenant::revoked_before(user))?;
        tokens.push(tenant::token(&engine, TENANT, user, user)?);
    }
    let inside = tenant.trusted[0].network();
    let request = Request::new(Timestamp::from_seconds(NOW), Some(inside));
    let issued = NOW - 600;
    for (user, token) in tokens.iter().enumerate() {
        let refused = engine.decide(token, &request).status() != 200;
        if refused != (issued <= list.get(user)?) {
            return Err(format!("{WORK}: Redis and highwater disagree about user {user}").into());
        }
    }
    let marks = engine.facts().marks();
    let keys = tokens
        .iter()
        .map(|token| {
            token
                .keys()
                .key(marks.keyring(), DimensionSet::EMPTY.with(Dimension::User))
        })
        .collect::<Option<Vec<MarkKey>>>()
        .ok_or("a token names a user")?;
    let mut times: [Vec<f64>; 5] = Default::default();
    let mut seconds = vec![0; USERS];
    let mut found = vec![None; USERS];
    for _ in 0..=options.rounds() {
        let [redis, check, decision, pipelined, batch] = &mut times;
        redis.push(per_user(|| {
            for (user, second) in seconds.iter_mut().enumerate() {
                *second = list.get(user)?;
            }
            Ok(())
        })?);
        let revoked = seconds.iter().filter(|&&second| issued <= second).count();
        check.push(per_user(|| {
            let known = |&key: &MarkKey| marks.revoked_before(key, issued).is_some();
            agree(revoked, keys.iter().copied().filter(known).count())
        })?);
        decision.push(per_user(|| {
            let refused = |token: &&VerifiedToken| engine.decide(token, &request).status() != 200;
            agree(revoked, tokens.iter().filter(refused).count())
        })?);
        pipelined.push(per_user(|| {
            for first in (0..USERS).step_by(BATCH) {
                let users = first..(first + BATCH).min(USERS);
                list.get_many(users.clone(), &mut seconds[users])?;
            }
            agree(
                revoked,
                seconds.iter().filter(|&&second| issued <= second).count(),
            )
        })?);
        batch.push(per_user(|| {
            marks.revoked_before_batch(&keys, issued, &mut found);
            agree(
                revoked,
                found.iter().filter(|found| found.is_some()).count(),
            )
        })?);
    }
    let [redis, check, decision, pipelined, batch] =
        times.map(|times| median(times).unwrap_or(f64::NAN));
    report.add(WORK, HIGHWATER, check, None);
    report.add(WORK, "highwater, a whole decision", decision, None);
    report.add(WORK, "redis over loopback", redis, None);
    let work = format!("{WORK}-batch");
    report.add(&work, HIGHWATER, batch, None);
    report.add(&work, "redis over loopback, pipelined", pipelined, None);
    Ok(())
}

/// Nanoseconds per user of something done for all of them.
fn per_user(
    all: impl FnOnce() -> Result<(), Box<dyn std::error::Error>>,
) -> Result<f64, Box<dyn std::error::Error>> {
    let start = Instant::now();
    all()?;
    Ok(start.elapsed().as_nanos() as f64 / USERS as f64)
}

/// Both sides refuse as many users.
fn agree(theirs: usize, ours: usize) -> Result<(), Box<dyn std::error::Error>> {
    if theirs == ours {
        return Ok(());
    }
    Err(format!("{WORK}: Redis refuses {theirs} users and highwater {ours}").into())
}

/// A server of our own; ends with this value.
struct Server {
    process: Child,
    port: u16,
}

impl Server {
    /// Nothing if Redis is not installed.
    fn start() -> Result<Option<Server>, Box<dyn std::error::Error>> {
        // Free a moment ago; should somebody take it first, connecting fails below.
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
            .local_addr()?
            .port();
        let started = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .args(["--port", &port.to_string()])
            .stdout(Stdio::null())
            .spawn();
        match started {
            Ok(process) => Ok(Some(Server { process, port })),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn connect(&self) -> Result<List, Box<dyn std::error::Error>> {
        let start = Instant::now();
        loop {
            match TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    return Ok(List { stream });
                }
                Err(error) if start.elapsed() > Duration::from_secs(10) => {
                    return Err(format!("redis-server does not answer: {error}").into());
                }
                Err(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A connection to the list.
struct List {
    stream: TcpStream,
}

impl List {
    fn set(&mut self, user: usize, before: i64) -> Result<(), Box<dyn std::error::Error>> {
        let answer = self.ask(&format!("SET revoked:{user} {before}\r\n"))?;
        if answer == "+OK" {
            return Ok(());
        }
        Err(format!("redis-server answers {answer}").into())
    }

    fn get(&mut self, user: usize) -> Result<i64, Box<dyn std::error::Error>> {
        let answer = self.ask(&format!("GET revoked:{user}\r\n"))?;
        let (_, value) = answer.split_once("\r\n").ok_or("no such key")?;
        Ok(value.parse()?)
    }

    /// Asks for several users before the first answer is read.
    fn get_many(
        &mut self,
        users: std::ops::Range<usize>,
        seconds: &mut [i64],
    ) -> Result<(), Box<dyn std::error::Error>> {
        let commands: String = users
            .map(|user| format!("GET revoked:{user}\r\n"))
            .collect();
        self.stream.write_all(commands.as_bytes())?;
        let mut answers = Vec::with_capacity(4_096);
        let mut buffer = [0; 4_096];
        // Two lines an answer: its length, and itself.
        while answers.iter().filter(|&&byte| byte == b'\n').count() < 2 * seconds.len() {
            let length = self.stream.read(&mut buffer)?;
            if length == 0 {
                return Err("redis-server hung up".into());
            }
            answers.extend_from_slice(&buffer[..length]);
        }
        let answers = std::str::from_utf8(&answers)?;
        for (second, answer) in seconds.iter_mut().zip(answers.lines().skip(1).step_by(2)) {
            *second = answer.parse()?;
        }
        Ok(())
    }

    /// Sends one inline command; answers are short enough for one read.
    fn ask(&mut self, command: &str) -> Result<String, Box<dyn std::error::Error>> {
        self.stream.write_all(command.as_bytes())?;
        let mut buffer = [0; 128];
        let length = self.stream.read(&mut buffer)?;
        Ok(std::str::from_utf8(&buffer[..length])?
            .trim_end()
            .to_owned())
    }
}
