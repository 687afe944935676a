//! Work `revocation-check`: a revocation list in Redis, asked over loopback, as many services do.
//!
//! One `GET` of the user's watermark per request, over one connection without delay: the least that
//! such a check does. Ours is the whole decision. The server is started here on a free port, keeps
//! nothing, and is ended by its process.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use highwater::engine::Engine;
use highwater::request::Request;
use highwater::settings::{EngineSettings, TenantSettings};
use highwater::timestamp::Timestamp;
use highwater_benches::tenant::{self, NOW, TENANT, Tenant};

use crate::Options;
use crate::measure::median;
use crate::report::{HIGHWATER, Report};

const USERS: usize = 1_000;

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
    let (mut theirs, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..=options.rounds() {
        let start = Instant::now();
        for user in 0..USERS {
            std::hint::black_box(list.get(user)?);
        }
        theirs.push(start.elapsed().as_nanos() as f64 / USERS as f64);
        let start = Instant::now();
        for token in &tokens {
            let _ = std::hint::black_box(engine.decide(token, &request));
        }
        ours.push(start.elapsed().as_nanos() as f64 / USERS as f64);
    }
    for (name, times) in [(HIGHWATER, ours), ("redis over loopback", theirs)] {
        if let Some(time) = median(times) {
            report.add(WORK, name, time, None);
        }
    }
    Ok(())
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
