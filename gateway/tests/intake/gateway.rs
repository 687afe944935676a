//! Starting the gateway, asking it, ending it: always by its own process id.

use std::fs;
use std::future::Future;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::Value;
use tempfile::TempDir;

const ADMIN_TOKEN: &str = "an admin token for tests";

/// How long something may take that has to happen. Nothing is measured: a test that waits so long
/// has failed.
const PATIENCE: Duration = Duration::from_secs(60);

const LISTENERS: &str = r#"
[serve]
drain = "5s"

[[serve.listener]]
kind = "decisions"
address = "127.0.0.1:0"
fail = "closed"

[[serve.listener]]
kind = "intake"
address = "127.0.0.1:0"

[[serve.listener]]
kind = "admin"
address = "127.0.0.1:0"
token_file = "admin.token"

[[tenant]]
id = "contoso"
documents = ["documents"]
"#;

/// A folder with a configuration; the gateway may be started in it again and again.
pub(crate) struct Deployment {
    folder: TempDir,
}

impl Deployment {
    /// The usual listeners and tenant, and these sections. Tenant `contoso` has one policy.
    pub(crate) fn with(sections: &str) -> Deployment {
        let deployment = Deployment::bare(&format!("{LISTENERS}\n{sections}"));
        fs::create_dir(deployment.path("documents")).unwrap();
        deployment.write("documents/policy.json", &policy("first", "enabled"));
        deployment
    }

    /// Nothing but these sections.
    pub(crate) fn bare(sections: &str) -> Deployment {
        let folder = tempfile::tempdir().unwrap();
        let deployment = Deployment { folder };
        deployment.write("highwater.toml", sections);
        deployment.write("admin.token", ADMIN_TOKEN);
        deployment
    }

    /// The usual listeners without a tenant.
    pub(crate) fn listeners() -> &'static str {
        LISTENERS.split("[[tenant]]").next().unwrap()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: &str) {
        fs::write(self.path(name), content).unwrap();
    }

    /// Starts the gateway and waits until it listens.
    pub(crate) fn start(&self) -> Gateway {
        Gateway::start(
            self.folder.path(),
            Command::new(env!("CARGO_BIN_EXE_highwater")),
        )
    }

    /// Starts the gateway so that no file of it grows beyond `kibibytes`.
    pub(crate) fn start_with_small_files(&self, kibibytes: u64) -> Gateway {
        let mut shell = Command::new("bash");
        // The limit is an error of the write and not the end of the process.
        let script = format!("trap '' XFSZ; ulimit -f {kibibytes}; exec \"$0\" \"$@\"");
        shell.args(["-c", &script, env!("CARGO_BIN_EXE_highwater")]);
        Gateway::start(self.folder.path(), shell)
    }
}

/// A policy that compiles.
pub(crate) fn policy(name: &str, state: &str) -> String {
    serde_json::json!({
        "id": format!("00000000-0000-4000-8000-{:012x}", name.len()),
        "displayName": name,
        "state": state,
        "conditions": {
            "users": { "includeUsers": ["All"] },
            "applications": { "includeApplications": ["All"] },
            "clientAppTypes": ["all"],
        },
        "grantControls": { "operator": "OR", "builtInControls": ["mfa"] },
    })
    .to_string()
}

/// A gateway that runs. Dropping it kills it.
pub(crate) struct Gateway {
    child: Child,
    pub(crate) decisions: String,
    pub(crate) intake: String,
    pub(crate) admin: String,
    pub(crate) client: reqwest::Client,
    log: Arc<Mutex<String>>,
}

impl Gateway {
    fn start(folder: &Path, mut command: Command) -> Gateway {
        let mut child = command
            .args(["serve", "--config"])
            .arg(folder.join("highwater.toml"))
            .env("HIGHWATER_TEST_SECRET", "Bearer from the environment")
            .env("RUST_LOG", "highwater=debug")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let errors = BufReader::new(child.stderr.take().unwrap());
        let written = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in errors.lines().map_while(Result::ok) {
                let mut log = written.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        });
        let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
        let (mut intake, mut admin, mut decisions) = (None, None, None);
        while intake.is_none() || admin.is_none() || decisions.is_none() {
            let Some(Ok(line)) = output.next() else {
                std::thread::sleep(Duration::from_millis(200));
                panic!("it did not start:\n{}", log.lock().unwrap());
            };
            let words: Vec<&str> = line.split_whitespace().collect();
            if let ["listening", "on", url, "for", kind] = words[..] {
                let url = Some(url.to_owned());
                match kind {
                    "intake" => intake = url,
                    "admin" => admin = url,
                    _ => decisions = url,
                }
            }
        }
        std::thread::spawn(move || output.for_each(drop));
        Gateway {
            child,
            decisions: decisions.unwrap(),
            intake: intake.unwrap(),
            admin: admin.unwrap(),
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            log,
        }
    }

    /// Posts a token, as its transmitter would.
    pub(crate) async fn push(&self, transmitter: &str, token: impl Into<String>) -> Pushed {
        self.push_with(transmitter, token, None).await
    }

    /// Posts a token to a gateway that may die meanwhile: then there is no answer.
    pub(crate) async fn try_push(&self, transmitter: &str, token: String) -> Option<u16> {
        let request = self
            .client
            .post(format!("{}/signals/{transmitter}", self.intake))
            .header("content-type", "application/secevent+jwt")
            .body(token);
        let response = request.send().await.ok()?;
        Some(response.status().as_u16())
    }

    /// Posts a token with this `Authorization`.
    pub(crate) async fn push_with(
        &self,
        transmitter: &str,
        token: impl Into<String>,
        authorization: Option<&str>,
    ) -> Pushed {
        let mut request = self
            .client
            .post(format!("{}/signals/{transmitter}", self.intake))
            .header("content-type", "application/secevent+jwt")
            .body(token.into());
        if let Some(value) = authorization {
            request = request.header("authorization", value);
        }
        Pushed::of(request.send().await.unwrap()).await
    }

    async fn ask(&self, path: &str) -> reqwest::Response {
        self.client
            .get(format!("{}{path}", self.admin))
            .bearer_auth(ADMIN_TOKEN)
            .send()
            .await
            .unwrap()
    }

    /// Everything that is in force.
    pub(crate) async fn registers(&self) -> Vec<Value> {
        let response = self.ask("/admin/export").await;
        assert_eq!(response.status(), StatusCode::OK);
        let text = response.text().await.unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Whether `effect` is in force for this user.
    pub(crate) async fn has(&self, user: &str, effect: &str) -> bool {
        self.registers()
            .await
            .iter()
            .any(|register| register["subject"]["user"] == user && register["effect"] == effect)
    }

    /// What `/readyz` says, whatever its status.
    pub(crate) async fn readiness(&self) -> Value {
        self.ask("/readyz").await.json().await.unwrap()
    }

    /// Whether a part is ready, and its condition.
    pub(crate) async fn part(&self, part: &str, name: &str) -> (bool, String) {
        let readiness = self.readiness().await;
        let parts = readiness["parts"].as_array().unwrap();
        let found = parts
            .iter()
            .find(|found| found["part"] == part && found["name"] == name);
        let found = found.unwrap_or_else(|| panic!("no {part} {name} in {readiness}"));
        (
            found["ready"].as_bool().unwrap(),
            found["condition"].as_str().unwrap().to_owned(),
        )
    }

    /// A sum of counters: every series whose text has all of these parts.
    pub(crate) async fn metric(&self, parts: &[&str]) -> f64 {
        let text = self.ask("/metrics").await.text().await.unwrap();
        text.lines()
            .filter(|line| !line.starts_with('#') && parts.iter().all(|part| line.contains(part)))
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum()
    }

    /// Whether the log has a line with all of these parts.
    pub(crate) fn has_logged(&self, parts: &[&str]) -> bool {
        let log = self.log.lock().unwrap();
        log.lines()
            .any(|line| parts.iter().all(|part| line.contains(part)))
    }

    /// Waits until `condition` holds.
    pub(crate) async fn eventually<F: Future<Output = bool>>(
        &self,
        what: &str,
        mut condition: impl FnMut() -> F,
    ) {
        let begun = Instant::now();
        while !condition().await {
            assert!(
                begun.elapsed() < PATIENCE,
                "{what} does not happen; the gateway says:\n{}",
                self.log.lock().unwrap()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until the log has a line with all of these parts.
    pub(crate) async fn eventually_logged(&self, parts: &[&str]) {
        let what = format!("a log line with {parts:?}");
        self.eventually(&what, || async { self.has_logged(parts) })
            .await;
    }

    /// Ends the process in the middle of whatever it does, as `kill -9`.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// As [`Gateway::kill`], while others still talk to it.
    pub(crate) fn kill_now(&self) {
        rustix::process::kill_process(self.id(), rustix::process::Signal::KILL).unwrap();
    }

    fn id(&self) -> rustix::process::Pid {
        let id = i32::try_from(self.child.id()).unwrap();
        rustix::process::Pid::from_raw(id).unwrap()
    }

    /// Tells the process to stop and waits for its end.
    pub(crate) async fn stop(mut self) {
        rustix::process::kill_process(self.id(), rustix::process::Signal::TERM).unwrap();
        let begun = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(begun.elapsed() < PATIENCE, "it does not stop");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // Ended already, mostly.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The answer to a push.
#[derive(Debug)]
pub(crate) struct Pushed {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<String>,
    pub(crate) body: Vec<u8>,
}

impl Pushed {
    pub(crate) async fn of(response: reqwest::Response) -> Pushed {
        Pushed {
            status: response.status().as_u16(),
            retry_after: response
                .headers()
                .get("retry-after")
                .map(|value| value.to_str().unwrap().to_owned()),
            body: response.bytes().await.unwrap().to_vec(),
        }
    }

    /// The error code of RFC 8935, if there is one.
    pub(crate) fn code(&self) -> Option<String> {
        let body: Value = serde_json::from_slice(&self.body).ok()?;
        assert!(body["description"].is_string(), "{body}");
        Some(body["err"].as_str()?.to_owned())
    }
}
